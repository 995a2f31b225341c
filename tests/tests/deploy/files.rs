//! The files below `deploy`, and what all of them must agree on.

use std::fs;

use portico_tests::repository;
use serde_json::Value;

/// What a process can host.
pub(crate) const ROLES: [&str; 5] = ["gateway", "user", "session", "photo", "log"];

/// Whom each role asks, where events go over RabbitMQ. Nobody else may be able to.
pub(crate) const ARROWS: [(&str, &str); 4] =
    [("gateway", "user"), ("gateway", "session"), ("gateway", "photo"), ("user", "session")];

/// The text of a file, by its path below `deploy`.
pub(crate) fn text(path: &str) -> String {
    let path = repository().join("deploy").join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The documents of a YAML file, with what `<<` stands for.
pub(crate) fn documents(path: &str) -> Vec<Value> {
    let parse = |document: &str| {
        let mut value: yaml_serde::Value =
            yaml_serde::from_str(document).unwrap_or_else(|error| panic!("{path}: {error}"));
        value.apply_merge().unwrap();
        value.apply_merge().unwrap(); // what was merged may merge something itself
        serde_json::to_value(value).unwrap()
    };
    text(path).split("\n---\n").map(parse).collect()
}

/// The first version that `Cargo.toml` names: Portico's own.
pub(crate) fn version() -> String {
    let manifest = fs::read_to_string(repository().join("Cargo.toml")).unwrap();
    let line = manifest.lines().find_map(|line| line.strip_prefix("version = ")).unwrap();
    line.trim_matches('"').to_owned()
}

/// How long a node may take to stop, by default.
pub(crate) fn shutdown_s() -> u64 {
    let defaults = fs::read_to_string(repository().join("config/default.yml")).unwrap();
    let defaults: yaml_serde::Value = yaml_serde::from_str(&defaults).unwrap();
    defaults["shutdown"]["deadline_ms"].as_u64().unwrap() / 1000
}

/// The words of a list.
pub(crate) fn words(list: &Value) -> Vec<&str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// The entries of a map; none of what is none.
pub(crate) fn entries(map: &Value) -> impl Iterator<Item = (&str, &Value)> {
    map.as_object().into_iter().flatten().map(|(name, value)| (name.as_str(), value))
}

/// Whether a YAML file of the configuration has a role ask another.
pub(crate) fn names_peer(config: &str, asked: &str) -> bool {
    documents(config).iter().any(|config| !words(&config["node"]["peers"][asked]).is_empty())
}
