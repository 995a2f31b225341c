//! The rules of a node among others.

use std::net::IpAddr;

use super::Broken;
use crate::{BrokerAdapter, Config, Node, Role, Transport, tls};

/// The longest name of a node; Linux has machines' names no longer.
const NAME_MAX: usize = 64;

pub(super) fn rules(config: &Config, broken: &mut Broken) {
    let node = &config.node;
    let is_name = |name: &String| {
        (1..=NAME_MAX).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
    };
    let detail = "must be 1 to 64 letters, digits, dots, dashes and underscores";
    broken.unless(node.name.as_ref().is_none_or(is_name), "node.name", detail);
    broken.unless(!node.roles.is_empty(), "node.roles", "must name one role at least");
    let twice = node.roles.iter().enumerate().any(|(index, role)| node.roles[..index].contains(role));
    broken.unless(!twice, "node.roles", "must name no role twice");
    peers(config, broken);
    trust(node, broken);
    let exists = node.secret_file.as_ref().is_none_or(|file| file.is_file());
    broken.unless(exists, "node.secret_file", "names no file that there is");
}

/// Whom a role asks must be in this process, or named.
fn peers(config: &Config, broken: &mut Broken) {
    let node = &config.node;
    for (role, asks) in asked(config) {
        for asked in asks {
            let is_there = !node.hosts(role) || node.hosts(*asked) || !node.peers_of(*asked).is_empty();
            let key = format!("node.peers.{asked}");
            broken.unless(is_there, &key, format!("must name the nodes that host it, which the role {role} asks"));
        }
    }
    let is_asked = config.log.transport.kind == Transport::Grpc && !node.hosts(Role::Log);
    let detail = "must name the one node that keeps log records, for log.transport.kind grpc";
    broken.unless(!is_asked || node.peers.log.len() == 1, "node.peers.log", detail);
    for role in Role::ASKED {
        let key = format!("node.peers.{role}");
        for (index, address) in node.peers_of(role).iter().enumerate() {
            broken.unless(host_of(address).is_some(), &format!("{key}.{index}"), "must be host:port");
        }
        let is_needed = !node.hosts(role) || node.peers_of(role).is_empty();
        broken.unless(is_needed, &key, "must be empty where this process hosts it itself");
    }
}

/// Whom each role asks.
fn asked(config: &Config) -> [(Role, &'static [Role]); 2] {
    let of_user: &[_] = match config.bus.broker.adapter {
        BrokerAdapter::Local => &[Role::Session, Role::Photo],
        BrokerAdapter::Rabbitmq => &[Role::Session],
    };
    [(Role::Gateway, &[Role::User, Role::Session, Role::Photo]), (Role::User, of_user)]
}

/// Nodes know each other by certificates, or are all on this machine and were told so.
fn trust(node: &Node, broken: &mut Broken) {
    let files = [
        ("node.tls.certificate_file", &node.tls.certificate_file),
        ("node.tls.key_file", &node.tls.key_file),
        ("node.tls.ca_file", &node.tls.ca_file),
    ];
    let named = files.iter().filter(|(_, file)| file.is_some()).count();
    broken.unless([0, files.len()].contains(&named), "node.tls", "certificate_file, key_file and ca_file go together");
    let mut all_exist = named == files.len();
    for (key, file) in files {
        let exists = file.as_ref().is_none_or(|file| file.is_file());
        broken.unless(exists, key, "names no file that there is");
        all_exist &= exists;
    }
    if let (true, Some(certificate), Some(key)) = (all_exist, &node.tls.certificate_file, &node.tls.key_file) {
        for (key, detail) in tls::complaints(certificate, key) {
            broken.unless(false, &format!("node.tls.{key}"), detail);
        }
    }
    if node.plaintext {
        broken.unless(named == 0, "node.plaintext", "must be false where node.tls is set");
        broken.unless(is_on_this_machine(node), "node.plaintext", "is for nodes that are all on loopback addresses");
    } else {
        let is_guarded = named > 0 || !node.has_others();
        broken.unless(is_guarded, "node.tls", "is needed for nodes that ask each other (`portico certs` makes it)");
    }
}

fn is_on_this_machine(node: &Node) -> bool {
    let peers = Role::ASKED.into_iter().flat_map(|role| node.peers_of(role));
    node.listen.is_none_or(|address| address.ip().is_loopback()) && peers.into_iter().all(|peer| is_loopback(peer))
}

/// Names are looked up anew all the time: none but that of this machine is sure to stay on it.
fn is_loopback(address: &str) -> bool {
    host_of(address).is_some_and(|host| {
        host == "localhost"
            || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    })
}

/// The host of a `host:port`, as nodes are named by; none if it is none.
pub fn host_of(address: &str) -> Option<&str> {
    let (host, port) = address.rsplit_once(':')?;
    (!host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0)).then_some(host)
}
