//! One node of many.

use std::{fs, net::SocketAddr, path::PathBuf};

use crate::{Client, Home, Starting, eventually};

/// A running node of some roles, which other nodes ask or which asks them. Dropping it kills it.
pub struct Member {
    process: Starting,
    operator: Client,
    data: PathBuf,
}

impl Member {
    /// Starts a node of these roles in the directory `name` of `home`, with settings beside the home's, and waits until it is
    /// ready.
    ///
    /// # Panics
    /// When it ends instead.
    pub async fn start(home: &Home, name: &str, roles: &[&str], settings: &[(String, String)]) -> Self {
        let mut arguments = vec!["--data-dir".to_owned(), name.to_owned()];
        arguments.extend(roles.iter().flat_map(|role| ["--role".to_owned(), (*role).to_owned()]));
        arguments.extend(settings.iter().flat_map(|(key, value)| ["--set".to_owned(), format!("{key}={value}")]));
        let process = home.start_node(&arguments);
        let operator = Client::new(process.told("operator listening on ").trim().to_owned());
        let member = Self { process, operator, data: home.path().join(name) };
        eventually("readiness", || async {
            let readiness = member.operator.get("/readyz").attempt().await?;
            (readiness.status == 200).then_some(())
        })
        .await;
        member
    }

    /// Somebody who calls its public API.
    pub fn client(&self) -> Client {
        Client::new(self.process.told("gateway listening on ").trim().to_owned())
    }

    /// Where other nodes ask it.
    ///
    /// # Panics
    /// When they do not.
    pub fn address(&self) -> SocketAddr {
        self.process.told("nodes ask on ").trim().parse().expect("it is an address")
    }

    /// The value of a metric, the first of those whose labels include `label`; 0 if there is none yet.
    ///
    /// # Panics
    /// When it does not answer.
    pub async fn metric(&self, name: &str, label: &str) -> u64 {
        let text = String::from_utf8(self.operator.get("/metrics").await.bytes).expect("it is text");
        let line = text.lines().find(|line| line.starts_with(name) && line.contains(label)).unwrap_or("0 0");
        line.rsplit(' ').next().and_then(|value| value.parse().ok()).expect("values are whole numbers")
    }

    /// The files of records that it has.
    pub fn logs(&self) -> PathBuf {
        self.data.join("logs")
    }

    /// The most memory that it had at once, in KiB (proc(5)).
    ///
    /// # Panics
    /// When it has ended.
    pub fn peak_kib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).expect("it runs");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("the system tells");
        peak.trim().trim_end_matches(" kB").parse().expect("it is a number")
    }
}
