//! Every licence that comes with Portico is one that `deny.toml` allows. Advisories need a network: `./just deny`.

use std::{collections::BTreeSet, fs};

use cargo_metadata::{CargoOpt, MetadataCommand};
use portico_tests::repository;
use spdx::{Expression, LicenseReq, ParseMode};
use toml_edit::DocumentMut;

/// What `deny.toml` allows.
fn allowed() -> BTreeSet<String> {
    let file: DocumentMut = fs::read_to_string(repository().join("deny.toml")).unwrap().parse().unwrap();
    let licences = file["licenses"]["allow"].as_array().unwrap();
    licences.iter().map(|licence| licence.as_str().unwrap().to_owned()).collect()
}

#[test]
fn every_dependency_has_a_licence_that_is_allowed() {
    let allowed = allowed();
    let is_allowed = |licence: &LicenseReq| allowed.contains(&licence.to_string());
    let all = CargoOpt::AllFeatures;
    let metadata = MetadataCommand::new().current_dir(repository()).features(all).exec().unwrap();

    for package in metadata.packages.iter().filter(|package| package.source.is_some()) {
        let licence = package.license.as_deref().unwrap_or_else(|| panic!("{} names no licence", package.name));
        let expression = Expression::parse_mode(licence, ParseMode::LAX).unwrap();

        assert!(expression.evaluate(is_allowed), "{} is under {licence}", package.name);
    }
}
