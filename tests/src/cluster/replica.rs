//! Who belongs to a cluster, where each of them listens, and how they prove what they are.

use std::path::Path;

use super::{Part, Process};
use crate::Home;

/// What is hosted by whom, in the order in which an operator starts them.
const ROLES: [&[&str]; 4] = [&["session"], &["photo"], &["user"], &["gateway"]];
/// Nodes of each role.
pub(super) const OF_EACH: u8 = 2;
/// Every node has an address of its own, from which nobody connects: its ports are free while it is away.
const NODE_PORT: u16 = 7400;
const GATEWAY_PORT: u16 = 8080;
const OPERATOR_PORT: u16 = 9100;
/// Where their certificates lie in the home.
pub(super) const CERTIFICATES: &str = "certs";

/// A node, whether it runs or not.
pub(super) struct Replica {
    /// `user-1`.
    pub(super) name: String,
    pub(super) part: Part,
    ip: String,
    /// Settings that the others of its role do not have.
    pub(super) own: Vec<(&'static str, String)>,
    pub(super) process: Option<Process>,
}

impl Replica {
    pub(super) fn is_gateway(&self) -> bool {
        self.part.roles.contains(&"gateway")
    }

    /// Where the public API is, if it is a gateway.
    pub(super) fn gateway(&self) -> String {
        format!("{}:{GATEWAY_PORT}", self.ip)
    }

    /// Where its operator looks.
    pub(super) fn operator(&self) -> String {
        format!("{}:{OPERATOR_PORT}", self.ip)
    }
}

/// Those that host a role.
pub(super) fn hosts<'a>(replicas: &'a [Replica], role: &str) -> impl Iterator<Item = &'a Replica> {
    replicas.iter().filter(move |replica| replica.part.roles.contains(&role))
}

/// Two of each role, none of which runs.
pub(super) fn replicas() -> Vec<Replica> {
    let network = format!("127.{}.{}", fastrand::u8(1..), fastrand::u8(..)); // several clusters may run at a time
    let all = ROLES.into_iter().flat_map(|roles| (1..=OF_EACH).map(move |number| (roles, number)));
    let replica = |(host, (roles, number)): (u8, (&'static [&'static str], u8))| {
        let (name, ip) = (format!("{}-{number}", roles.join("-")), format!("{network}.{host}"));
        let part = Part { roles, data: name.clone(), address: format!("{ip}:{NODE_PORT}") };
        Replica { name, part, ip, own: Vec::new(), process: None }
    };
    (1..).zip(all).map(replica).collect()
}

/// Has each of them prove its role.
pub(super) fn certify(home: &Home, binary: &Path, replicas: &[Replica]) {
    if home.path().join(CERTIFICATES).exists() {
        return;
    }
    let certs = |arguments: &[&str]| {
        let arguments = [&["certs"], arguments, &["--dir", CERTIFICATES]].concat();
        let made = home.command_of(binary, &arguments).output().expect("the binary can be started");
        assert!(made.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&made.stderr));
    };
    certs(&["init"]);
    for replica in replicas {
        let roles: Vec<_> = replica.part.roles.iter().flat_map(|role| ["--role", role]).collect();
        certs(&[&["issue", "--name", &replica.name], &roles[..]].concat());
    }
}
