//! What a process hosts, and where it asks for what it does not.

use std::{fmt, net::SocketAddr, path::PathBuf};

use serde::{Deserialize, Serialize};

/// One node of many, or the only one.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    /// What records and metrics know this process by; the machine's name where it has none.
    pub name: Option<String>,
    /// What this process hosts.
    pub roles: Vec<Role>,
    /// Where other nodes ask its domains.
    pub listen: Option<SocketAddr>,
    /// Who hosts what this process does not.
    pub peers: Peers,
    /// Which roles may ask each domain of this process.
    pub callers: Callers,
    /// By what nodes know each other.
    pub tls: NodeTls,
    /// Whether nodes on this machine may talk without TLS.
    pub plaintext: bool,
    /// A file with the secret that nodes share.
    pub secret_file: Option<PathBuf>,
}

/// A part of Portico that a process can host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The public REST API.
    Gateway,
    /// Accounts.
    User,
    /// Sessions.
    Session,
    /// Photos.
    Photo,
    /// The files that all nodes' records are kept in.
    Log,
}

impl Role {
    /// Those whose nodes others ask.
    pub const ASKED: [Self; 4] = [Self::User, Self::Session, Self::Photo, Self::Log];

    /// All of them.
    pub const ALL: [Self; 5] = [Self::Gateway, Self::User, Self::Session, Self::Photo, Self::Log];

    /// Its name in configuration, certificates and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::User => "user",
            Self::Session => "session",
            Self::Photo => "photo",
            Self::Log => "log",
        }
    }

    /// The role of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The nodes that host each domain, as `host:port`; a name may stand for several.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Peers {
    /// Those with accounts.
    pub user: Vec<String>,
    /// Those with sessions.
    pub session: Vec<String>,
    /// Those with photos.
    pub photo: Vec<String>,
    /// The one that keeps log records.
    pub log: Vec<String>,
}

/// The roles that may ask each domain, where nodes prove what they are.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Callers {
    /// Who may ask about accounts.
    pub user: Vec<Role>,
    /// Who may ask about sessions.
    pub session: Vec<Role>,
    /// Who may ask about photos.
    pub photo: Vec<Role>,
    /// Who may have log records kept.
    pub log: Vec<Role>,
}

/// A node's own certificate, and who vouches for others'.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeTls {
    /// The certificate chain (PEM), which names the node's roles.
    pub certificate_file: Option<PathBuf>,
    /// Its private key (PEM).
    pub key_file: Option<PathBuf>,
    /// The private authority that vouches for every node (PEM).
    pub ca_file: Option<PathBuf>,
}

impl Node {
    /// Whether this process hosts it.
    pub fn hosts(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }

    /// Whether it hosts everything.
    pub fn hosts_all(&self) -> bool {
        Role::ALL.into_iter().all(|role| self.hosts(role))
    }

    /// The nodes that host a domain; none host a gateway for others to ask.
    pub fn peers_of(&self, role: Role) -> &[String] {
        match role {
            Role::User => &self.peers.user,
            Role::Session => &self.peers.session,
            Role::Photo => &self.peers.photo,
            Role::Log => &self.peers.log,
            Role::Gateway => &[],
        }
    }

    /// Whether it asks others, or others ask it.
    pub fn has_others(&self) -> bool {
        self.listen.is_some() || Role::ASKED.into_iter().any(|role| !self.peers_of(role).is_empty())
    }
}
