//! What one process of many hosts, and the command that starts it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::Home;

/// What one node has done the others know at once, as the REST contract has it, and not within the lease of a cache.
const AT_ONCE: [(&str, &str); 3] = [("session.cache", "off"), ("user.cache.adapter", "redis"), ("user.cache_max", "0")];

/// Servers are waited for longer than by default, though not past a request's deadline: on a machine that runs all of this, and
/// perhaps builds besides, a busy processor is no server that is away.
const PATIENT: [(&str, &str); 5] = [
    ("user.store.acquire_timeout_ms", "8000"),
    ("user.store.statement_timeout_ms", "8000"),
    ("photo.store.acquire_timeout_ms", "8000"),
    ("photo.store.statement_timeout_ms", "8000"),
    ("session.store.timeout_ms", "4000"),
];

/// One process: what it hosts, where its data lie, and where others ask it.
pub(crate) struct Part {
    pub(crate) roles: &'static [&'static str],
    pub(crate) data: String,
    pub(crate) address: String,
}

impl Part {
    /// What starts it in `home`, with settings of its own. `whom` says where it finds those that host a role.
    pub(crate) fn command(
        &self,
        home: &Home,
        binary: &Path,
        whom: impl Fn(&str) -> Vec<String>,
        settings: &[(&str, &str)],
    ) -> Command {
        let mut arguments = vec!["node".to_owned(), "--data-dir".to_owned(), self.data.clone()];
        arguments.extend(self.roles.iter().flat_map(|role| ["--role".to_owned(), (*role).to_owned()]));
        let mut set = |key: &str, value: &str| arguments.extend(["--set".to_owned(), format!("{key}={value}")]);
        if home.is_over_servers() {
            let own = |(key, _): &(&str, &str)| home.setting(key).is_none(); // what the home says it wants otherwise
            AT_ONCE.into_iter().chain(PATIENT).filter(own).for_each(|(key, value)| set(key, value));
        }
        set("node.secret_file", secret(home).to_str().expect("it is plain"));
        if self.roles != ["gateway"] {
            set("node.listen", &self.address);
        }
        for role in self.asks() {
            set(&format!("node.peers.{role}"), &format!("[{}]", whom(role).join(", ")));
        }
        for (key, value) in settings {
            set(key, value);
        }
        home.command_of(binary, &arguments.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// The roles that it must ask others for.
    pub(crate) fn asks(&self) -> impl Iterator<Item = &'static str> {
        let hosts = |role| self.roles.contains(&role);
        let (is_gateway, is_user) = (hosts("gateway"), hosts("user"));
        let asked = [("user", is_gateway), ("session", is_gateway || is_user), ("photo", is_gateway || is_user)];
        asked.into_iter().filter(move |(role, is_asked)| *is_asked && !hosts(role)).map(|(role, _)| role)
    }
}

/// The file with the secret that the nodes of a home share.
fn secret(home: &Home) -> PathBuf {
    let secret = home.path().join("nodes.secret");
    if !secret.exists() {
        fs::write(&secret, format!("{:032x}{:032x}", fastrand::u128(..), fastrand::u128(..))).unwrap();
    }
    secret
}
