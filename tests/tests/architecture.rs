//! The arrows of the house: which crate may know which, asserted from `cargo metadata`.
//!
//! Cargo itself refuses cycles. What metadata cannot see: that a domain uses another domain's messages, and neither its
//! actor nor its store. That is asserted below by name, as far as names go; reviewers see to the rest.

use std::{collections::BTreeMap, fs, sync::LazyLock};

use cargo_metadata::{Dependency, DependencyKind, Metadata, MetadataCommand, Package};
use portico_tests::repository;

static METADATA: LazyLock<Metadata> =
    LazyLock::new(|| MetadataCommand::new().current_dir(repository()).no_deps().exec().unwrap());

/// Crates that carry HTTP, SQL, brokers, blobs or configuration: what a domain and the kernel must not know.
#[rustfmt::skip] // a list, not a column
const TECHNOLOGIES: [&str; 29] = [
    "actix-cors", "actix-files", "actix-http", "actix-multipart", "actix-web", "aide", "axum", "clap", "deadpool",
    "figment2", "fred", "h2", "http", "hyper", "lapin", "opendal", "prost", "rdkafka", "redis", "reqwest", "rusqlite",
    "rustls", "sea-orm", "sea-orm-migration", "sea-query", "sqlx", "tonic", "utoipa", "yaml_serde",
];

/// What a workspace crate is, by its folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Kernel,
    Domain,
    Gateway,
    Bus,
    Schema,
    Config,
    Node,
    Outside,
}

impl Kind {
    fn of(folder: &str) -> Self {
        match folder {
            "actors/kernel" => Self::Kernel,
            "gateway" => Self::Gateway,
            "bus" => Self::Bus,
            "schema" => Self::Schema,
            "config" => Self::Config,
            "node" => Self::Node,
            "tests" | "bench" => Self::Outside,
            domain if domain.starts_with("actors/") => Self::Domain,
            other => panic!("{other} has no place in the house: name its arrows here"),
        }
    }

    /// Whether a crate of this kind may depend on one of `other`. Anything not listed is forbidden.
    fn may_know(self, other: Self) -> bool {
        use Kind::{Bus, Config, Domain, Gateway, Kernel, Node, Outside, Schema};
        match self {
            Kernel | Config => false,
            Domain => matches!(other, Kernel | Domain),
            Gateway | Bus | Schema => matches!(other, Kernel | Domain | Config),
            Node => matches!(other, Kernel | Domain | Gateway | Bus | Schema | Config),
            Outside => other != Outside,
        }
    }
}

fn folder(package: &Package) -> String {
    let directory = package.manifest_path.parent().unwrap();
    directory.strip_prefix(repository().to_str().unwrap()).unwrap().to_string()
}

/// Every workspace crate by the name it is depended on.
fn house() -> BTreeMap<&'static str, (Kind, &'static Package)> {
    let place = |package: &'static Package| (package.name.as_str(), (Kind::of(&folder(package)), package));
    METADATA.workspace_packages().into_iter().map(place).collect()
}

fn normal(package: &Package) -> impl Iterator<Item = &Dependency> {
    package.dependencies.iter().filter(|dependency| dependency.kind != DependencyKind::Development)
}

#[test]
fn every_arrow_between_our_crates_is_a_listed_one() {
    let house = house();
    let arrows = house.values().flat_map(|(kind, package)| normal(package).map(move |to| (*kind, *package, to)));
    let forbidden =
        arrows.filter(|(kind, _, to)| house.get(to.name.as_str()).is_some_and(|(other, _)| !kind.may_know(*other)));

    let forbidden: Vec<_> = forbidden.map(|(_, from, to)| format!("{} -> {}", from.name, to.name)).collect();

    assert!(forbidden.is_empty(), "forbidden arrows: {forbidden:?}");
}

#[test]
fn packages_are_named_after_their_folder() {
    for (name, (_, package)) in house() {
        let folder = folder(package);
        assert_eq!(name, format!("portico-{}", folder.rsplit('/').next().unwrap()));
    }
}

#[test]
fn kernel_and_domains_know_no_technology() {
    for (name, (kind, package)) in house() {
        if matches!(kind, Kind::Kernel | Kind::Domain) {
            let known: Vec<_> = normal(package).filter(|to| TECHNOLOGIES.contains(&to.name.as_str())).collect();
            assert!(known.is_empty(), "{name} knows {:?}", known.iter().map(|to| &to.name).collect::<Vec<_>>());
        }
    }
}

#[test]
fn http_stays_in_gateway_and_node_sql_in_schema_and_grpc_in_bus() {
    let owners = |crates: &[&str], allowed: &[Kind]| {
        for (name, (kind, package)) in house() {
            let known = normal(package).find(|to| crates.contains(&to.name.as_str()));
            assert!(known.is_none() || allowed.contains(&kind), "{name} knows {}", known.unwrap().name);
        }
    };
    // Outside: benchmarks measure against the bare library.
    owners(&["actix-web", "actix-multipart", "actix-cors", "aide"], &[Kind::Gateway, Kind::Node, Kind::Outside]);
    owners(&["sea-orm", "sea-orm-migration", "sqlx", "opendal"], &[Kind::Schema, Kind::Outside]);
    owners(&["h2", "hyper", "prost", "tonic", "tonic-prost"], &[Kind::Bus, Kind::Outside]);
}

#[test]
fn dependencies_come_from_crates_io_or_from_this_repository() {
    for (name, (_, package)) in house() {
        for to in &package.dependencies {
            let is_ours = to.path.as_ref().is_some_and(|path| path.starts_with(repository().to_str().unwrap()));
            let is_public = to.source.as_ref().is_some_and(cargo_metadata::Source::is_crates_io);
            assert!(is_ours || is_public, "{name} takes {} from {:?}", to.name, to.source);
        }
    }
    let lock = fs::read_to_string(repository().join("Cargo.lock")).unwrap();
    let sources = lock.lines().filter(|line| line.starts_with("source = "));
    let strange: Vec<_> = sources.filter(|line| !line.contains("github.com/rust-lang/crates.io-index")).collect();
    assert!(strange.is_empty(), "{strange:?}");
}

#[test]
fn every_crate_inherits_edition_licence_and_lints() {
    for (name, (kind, package)) in house() {
        let manifest = fs::read_to_string(&package.manifest_path).unwrap();
        for line in ["[lints]\nworkspace = true", "edition.workspace = true", "license.workspace = true"] {
            assert!(manifest.contains(line), "{name} lacks `{line}`");
        }
        let root = package.targets.iter().find(|target| target.is_lib() || target.is_bin()).unwrap();
        let denies = fs::read_to_string(&root.src_path).unwrap().contains("#![deny(clippy::unwrap_used)]");
        assert!(denies || kind == Kind::Outside, "{name} may unwrap");
    }
}

#[test]
fn domains_that_keep_something_have_the_same_six_files() {
    for domain in ["user", "session", "photo"] {
        for file in ["lib", "messages", "model", "store", "actor", "error"] {
            let path = repository().join(format!("actors/{domain}/src/{file}.rs"));
            assert!(path.is_file(), "{} is missing", path.display());
        }
    }
}

#[test]
fn nobody_names_the_actor_or_the_store_of_another_domain() {
    let domains = house().into_iter().filter(|(_, (kind, _))| *kind == Kind::Domain);
    let forbidden: Vec<_> = domains
        .map(|(name, _)| name.replace('-', "_"))
        .flat_map(|name| ["Store", "actor", "store"].map(|item| format!("{name}::{item}")))
        .collect();
    for (name, (kind, package)) in house() {
        if matches!(kind, Kind::Domain | Kind::Gateway | Kind::Bus) {
            let own = format!("{}::", name.replace('-', "_"));
            for (path, text) in sources(package) {
                let code = text.lines().filter(|line| !line.trim_start().starts_with("//") && !line.contains('"'));
                let mut others = forbidden.iter().filter(|item| !item.starts_with(&own));
                let named = others.find(|item| code.clone().any(|line| line.contains(item.as_str())));
                assert!(named.is_none(), "{path} names {}", named.unwrap());
            }
        }
    }
}

/// Every source file of a crate's library or binary, with its text.
fn sources(package: &Package) -> Vec<(String, String)> {
    let mut files = Vec::new();
    let mut directories = vec![package.manifest_path.with_file_name("src").into_std_path_buf()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
            match entry.file_type().unwrap() {
                kind if kind.is_dir() => directories.push(entry.path()),
                _ if entry.path().extension().is_none_or(|ending| ending != "rs") => {}
                _ => files.push((entry.path().display().to_string(), fs::read_to_string(entry.path()).unwrap())),
            }
        }
    }
    files
}
