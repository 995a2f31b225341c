//! Many nodes: two of each role, each a process, which know each other by certificates and share real servers.
//!
//! ```no_run
//! # async fn of(home: &portico_tests::Home, binary: &std::path::Path) {
//! use portico_tests::{Cluster, Links};
//!
//! let mut cluster = Cluster::start(home, binary, Links::Direct).await; // the home lies over servers: `Home::over`
//! let [one, other] = cluster.gateways();                              // http://127.x.y.z:8080
//! cluster.restart("user-1").await;                                    // SIGTERM, its end, another one, ready
//! cluster.kill("session-2");                                          // SIGKILL
//! cluster.begin("session-2");
//! cluster.ready("session-2").await;                                   // for as long as it takes, 30 s at the most
//! # }
//! ```
//!
//! Invariant: a node that is started again is the same one to all others: same addresses, same data, same certificate.

mod links;
mod part;
mod process;
mod replica;

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use reqwest::StatusCode;

pub use self::links::Links;
use self::{
    links::Ways,
    replica::{CERTIFICATES, OF_EACH, Replica, certify, hosts, replicas},
};
pub(crate) use self::{part::Part, process::Process};
use crate::{Exit, Home, Proxy, eventually};

/// Two nodes of each role. Dropping this kills all of them.
pub struct Cluster<'a> {
    home: &'a Home,
    binary: PathBuf,
    replicas: Vec<Replica>,
    ways: Ways,
}

impl<'a> Cluster<'a> {
    /// Starts all of them in `home`, which lies over servers, and waits until they are ready.
    ///
    /// # Panics
    /// When one of them does not get ready.
    pub async fn start(home: &'a Home, binary: &Path, links: Links) -> Self {
        Self::start_with(home, binary, links, |_| Vec::new()).await
    }

    /// The same with settings of their own for some of them, whom `own` is asked for by name.
    ///
    /// # Panics
    /// As [`Self::start`].
    pub async fn start_with(
        home: &'a Home,
        binary: &Path,
        links: Links,
        own: impl Fn(&str) -> Vec<(&'static str, String)>,
    ) -> Self {
        assert!(home.is_over_servers(), "nodes of a role share its stores");
        let mut replicas = replicas();
        for replica in &mut replicas {
            replica.own = own(&replica.name);
        }
        certify(home, binary, &replicas);
        let mut cluster = Self { home, binary: binary.to_owned(), replicas, ways: Ways::default() };
        if links == Links::Proxied {
            cluster.lay_ways().await;
        }
        let names = cluster.names();
        for name in &names {
            cluster.begin(name);
        }
        for name in &names {
            cluster.ready(name).await;
        }
        cluster
    }

    /// All of them, in the order in which an operator starts them: `session-1` and so on.
    pub fn names(&self) -> Vec<String> {
        self.replicas.iter().map(|replica| replica.name.clone()).collect()
    }

    /// Where the public API is: the gateways.
    pub fn gateways(&self) -> [String; OF_EACH as usize] {
        let gateways = self.replicas.iter().filter(|replica| replica.is_gateway());
        let urls: Vec<_> = gateways.map(|replica| format!("http://{}", replica.gateway())).collect();
        urls.try_into().expect("there are as many of each role")
    }

    /// Where a node's operator looks.
    pub fn operator(&self, name: &str) -> String {
        format!("http://{}", self.replica(name).operator())
    }

    /// What all nodes have in common.
    pub fn home(&self) -> &'a Home {
        self.home
    }

    /// The way by which one node asks another; none where that is direct, or it never does.
    pub fn link(&self, from: &str, to: &str) -> Option<&Proxy> {
        self.ways.between(from, to)
    }

    /// Who asks whom by ways that can be cut.
    pub fn links(&self) -> Vec<(String, String)> {
        self.ways.pairs()
    }

    /// Has all ways be as they were at first.
    pub fn mend_links(&self) {
        self.ways.mend();
    }

    /// Whether a node has been started and has not ended.
    pub fn runs(&mut self, name: &str) -> bool {
        self.replica_mut(name).process.as_mut().is_some_and(Process::runs)
    }

    /// Asks a node to stop (SIGTERM), and waits until it has.
    ///
    /// # Panics
    /// When it was not started, or does not end.
    pub async fn stop(&mut self, name: &str) -> Exit {
        self.replica_mut(name).process.take().expect("it was started").stop().await
    }

    /// SIGKILL.
    pub fn kill(&mut self, name: &str) {
        self.replica_mut(name).process = None;
    }

    /// Starts a node, and waits for nothing.
    pub fn begin(&mut self, name: &str) {
        let command = self.command(self.replica(name));
        self.replica_mut(name).process = Some(Process::start(command));
    }

    /// Waits until a node is ready.
    ///
    /// # Panics
    /// When it does not get ready; what it printed is shown.
    pub async fn ready(&self, name: &str) {
        let operator = crate::Client::new(self.operator(name));
        eventually(&format!("readiness of {name}"), || async {
            let answer = operator.get("/readyz").attempt().await?;
            (answer.status == StatusCode::OK.as_u16()).then_some(())
        })
        .await;
    }

    /// Stops a node in order, starts it again, and waits until it is ready. Answers how it ended.
    pub async fn restart(&mut self, name: &str) -> Exit {
        let exit = self.stop(name).await;
        self.begin(name);
        self.ready(name).await;
        exit
    }

    /// Stops all of them in order, those first that ask others, and answers how each ended.
    pub async fn end(mut self) -> Vec<(String, Exit)> {
        let mut exits = Vec::new();
        for name in self.names().iter().rev() {
            if self.replica(name).process.is_some() {
                exits.push((name.clone(), self.stop(name).await));
            }
        }
        exits
    }

    async fn lay_ways(&mut self) {
        for from in &self.replicas {
            for to in from.part.asks().flat_map(|role| hosts(&self.replicas, role)) {
                self.ways.lay(&from.name, &to.name, &to.part.address).await;
            }
        }
    }

    fn command(&self, replica: &Replica) -> Command {
        let whom = |role: &str| {
            let address = |host: &Replica| {
                let way = self.ways.between(&replica.name, &host.name);
                way.map_or_else(|| host.part.address.clone(), |way| way.address().to_string())
            };
            hosts(&self.replicas, role).map(address).collect()
        };
        let (operator, gateway) = (replica.operator(), replica.gateway());
        let file = |name: &str| format!("{CERTIFICATES}/{name}");
        let (certificate, key, authority) =
            (file(&format!("{}.pem", replica.name)), file(&format!("{}.key", replica.name)), file("ca.pem"));
        let settings = [
            ("operator.listen", operator.as_str()),
            ("gateway.listen", &gateway),
            ("node.tls.certificate_file", &certificate),
            ("node.tls.key_file", &key),
            ("node.tls.ca_file", &authority),
        ];
        let own = replica.own.iter().map(|(key, value)| (*key, value.as_str()));
        replica.part.command(self.home, &self.binary, whom, &settings.into_iter().chain(own).collect::<Vec<_>>())
    }

    fn replica(&self, name: &str) -> &Replica {
        self.replicas.iter().find(|replica| replica.name == name).unwrap_or_else(|| panic!("there is no {name}"))
    }

    fn replica_mut(&mut self, name: &str) -> &mut Replica {
        self.replicas.iter_mut().find(|replica| replica.name == name).unwrap_or_else(|| panic!("there is no {name}"))
    }
}

impl Drop for Cluster<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for replica in &self.replicas {
                let printed = replica.process.as_ref().map(Process::printed).unwrap_or_default();
                eprintln!("--- what {} printed ---\n{printed}", replica.name);
            }
        }
    }
}
