//! What nodes are configured by is right, says the binary: with the files that each container is given and no others.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use portico_tests::{binary, repository};
use serde_json::Value;
use tempfile::TempDir;

use crate::files::{ROLES, documents, entries, text, words};

/// The root file system of a container, as far as configuration can see it.
struct Container {
    root: TempDir,
    certificates: TempDir,
}

impl Container {
    fn new() -> Self {
        let certificates = tempfile::tempdir().unwrap();
        let container = Self { root: tempfile::tempdir().unwrap(), certificates };
        for arguments in [&["certs", "init"][..], &["certs", "issue", "--role", "session", "--name", "node"]] {
            let mut certs = Command::new(binary());
            let made = certs.args(arguments).arg("--dir").arg(container.certificates.path()).output().unwrap();
            assert!(made.status.success(), "{made:?}");
        }
        container
    }

    /// Where a path of the container is really.
    fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path.trim_start_matches('/'))
    }

    fn put(&self, path: &str, text: &str) {
        fs::create_dir_all(self.path(path).parent().unwrap()).unwrap();
        fs::write(self.path(path), text).unwrap();
    }

    /// A configuration, whose paths are of the container.
    fn put_config(&self, path: &str, text: &str) {
        let root = self.root.path().to_str().unwrap();
        let moved = |text: String, top: &str| text.replace(&format!(" {top}"), &format!(" {root}{top}"));
        self.put(path, &["/etc/portico/", "/run/"].into_iter().fold(text.to_owned(), moved));
    }

    /// A node's certificate, its key and the authority, by the names that they have there.
    fn put_certificates(&self, directory: &str, names: [&str; 3]) {
        for (name, made) in names.into_iter().zip(["node.pem", "node.key", "ca.pem"]) {
            let made = fs::read_to_string(self.certificates.path().join(made)).unwrap();
            self.put(&format!("{directory}/{name}"), &made);
        }
    }

    /// What `portico config check` says of a node of `role` that is given these arguments and this environment.
    fn check<'a>(&self, role: &str, arguments: &[&str], environment: impl Iterator<Item = (&'a str, &'a str)>) {
        let mut check = Command::new(binary());
        check.args(["config", "check", "--set", &format!("node.roles=[{role}]")]).current_dir(self.root.path());
        for argument in arguments {
            check.arg(if argument.starts_with('/') { self.path(argument) } else { argument.into() });
        }
        check.env_clear().envs(environment);

        let checked = check.output().unwrap();

        assert!(checked.status.success(), "{role}: {}", String::from_utf8_lossy(&checked.stderr));
    }
}

/// The secrets that `./just secrets` makes, in a directory of their own.
fn secrets() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let script = directory.path().join("scripts/secrets.sh");
    fs::create_dir(script.parent().unwrap()).unwrap();
    fs::copy(repository().join("deploy/scripts/secrets.sh"), &script).unwrap();
    for _twice in 0..2 {
        let made = Command::new(&script).output().unwrap();
        assert!(made.status.success(), "{made:?}");
    }
    directory
}

/// The default of `${NAME:-default}`, or what stands there.
fn by_default(value: &Value) -> &str {
    let value = value.as_str().unwrap();
    value.strip_suffix('}').and_then(|value| value.split_once(":-")).map_or(value, |(_, default)| default)
}

fn read(directory: &Path, file: &Value) -> String {
    let path = directory.join(file.as_str().unwrap());
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn nodes_of_the_compose_file_are_configured_by_what_they_are_given() {
    let compose = documents("compose.yml").remove(0);
    let secrets = secrets();
    for role in ROLES {
        let service = &compose["services"][role];
        let container = Container::new();
        for config in service["configs"].as_array().unwrap() {
            let file = compose["configs"][config["source"].as_str().unwrap()]["file"].as_str().unwrap();
            container.put_config(config["target"].as_str().unwrap(), &text(file));
        }
        for secret in words(&service["secrets"]) {
            let file = &compose["secrets"][secret]["file"];
            container.put(&format!("/run/secrets/{secret}"), &read(secrets.path(), file));
        }
        if words(&service["volumes"]).contains(&format!("certs-{role}:/run/portico/certs:ro").as_str()) {
            container.put_certificates("/run/portico/certs", ["node.pem", "node.key", "ca.pem"]);
        }

        container.check(
            role,
            &words(&service["command"]),
            entries(&service["environment"]).map(|(name, value)| (name, by_default(value))),
        );
    }
}

#[test]
fn every_secret_of_the_compose_file_is_made() {
    let secrets = secrets();
    for (name, secret) in entries(&documents("compose.yml")[0]["secrets"]) {
        assert!(!read(secrets.path(), &secret["file"]).is_empty(), "{name}");
    }
}

#[test]
fn nodes_of_the_manifests_are_configured_by_what_they_are_given() {
    let kustomization = documents("kubernetes/kustomization.yml").remove(0);
    let examples = documents("kubernetes/secrets.example.yml");
    for role in ROLES {
        let container = Container::new();
        let objects = documents(&format!("kubernetes/{role}.yml"));
        let workload = objects.iter().find(|object| object["spec"]["template"].is_object()).unwrap();
        let pod = &workload["spec"]["template"]["spec"];
        let given = &pod["containers"][0];
        let mounted = |volume: &Value| {
            let mut mounts = given["volumeMounts"].as_array().unwrap().iter();
            let mount = mounts.find(|mount| mount["name"] == volume["name"]).unwrap_or_else(|| panic!("{volume}"));
            mount["mountPath"].as_str().unwrap().to_owned()
        };
        for volume in pod["volumes"].as_array().unwrap() {
            let at = mounted(volume);
            if let Some(name) = volume["configMap"]["name"].as_str() {
                let maps = kustomization["configMapGenerator"].as_array().unwrap();
                let map = maps.iter().find(|map| map["name"] == name).unwrap();
                for (key, file) in words(&map["files"]).into_iter().map(|file| file.split_once('=').unwrap()) {
                    container.put_config(&format!("{at}/{key}"), &text(&format!("kubernetes/{file}")));
                }
            } else if volume["secret"]["secretName"] == format!("portico-{role}-tls") {
                container.put_certificates(&at, ["tls.crt", "tls.key", "ca.crt"]);
            } else if let Some(name) = volume["secret"]["secretName"].as_str() {
                let secret = examples.iter().find(|secret| secret["metadata"]["name"] == name).unwrap();
                for (key, value) in entries(&secret["stringData"]) {
                    container.put(&format!("{at}/{key}"), value.as_str().unwrap());
                }
            }
        }

        container.check(role, &words(&given["args"]), std::iter::empty());
    }
}
