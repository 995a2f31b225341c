//! Holds the files of photos against the rows that speak of them.

use std::{collections::BTreeSet, path::Path};

use super::Findings;
use crate::Home;

/// `<owner>/<photo>` of every file of a rendition, once for each, without hyphens.
fn files(home: &Home, extension: &str) -> BTreeSet<String> {
    let is_wanted = |path: &&std::path::PathBuf| path.extension().is_some_and(|found| found == extension);
    home.content().iter().filter(is_wanted).filter_map(|path| name(path)).collect()
}

fn name(path: &Path) -> Option<String> {
    let (owner, photo) = (path.parent()?.file_name()?.to_str()?, path.file_stem()?.to_str()?);
    Some(format!("{owner}/{photo}").replace('-', ""))
}

/// Every photo has both files; every further file is on the work list.
pub(super) fn check(home: &Home, findings: &Findings, photos: &BTreeSet<String>, work: &BTreeSet<String>) {
    for extension in ["orig", "thumb"] {
        let found = files(home, extension);
        let lost: Vec<_> = photos.difference(&found).take(5).collect();
        findings.hold(lost.is_empty(), || format!("files .{extension} are lost: {lost:?}"));
        let stray: Vec<_> = found.difference(photos).filter(|name| !work.contains(*name)).take(5).collect();
        findings.hold(stray.is_empty(), || format!("files .{extension} belong to nobody: {stray:?}"));
        findings.add(&format!("files: .{extension}"), found.len() as u64);
    }
}

/// Nothing half-written is left of uploads.
pub(super) fn check_unfinished(home: &Home, findings: &Findings) {
    let data = home.data();
    let left: Vec<_> = home
        .files()
        .into_iter()
        .filter(|path| path.starts_with(data.join("staging")) || path.starts_with(data.join("content/.unfinished")))
        .collect();
    findings.hold(left.is_empty(), || format!("half-written files are left: {left:?}"));
}
