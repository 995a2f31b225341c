//! A running node.

use std::process::{Child, Command, ExitStatus};

use reqwest::StatusCode;
use rustix::process::{Pid, Signal, kill_process};
use uuid::Uuid;

use crate::{Account, Client, apart::Behind, eventually, output::Output};

/// A running node. Dropping it kills it; when the test fails, what it printed is shown.
pub struct Node {
    child: Child,
    stdout: Output,
    stderr: Output,
    gateway: String,
    operator: String,
    /// Between these moments it began.
    began: [Uuid; 2],
    behind: Behind,
}

/// How a process ended.
#[derive(Debug)]
pub struct Exit {
    /// Code or signal.
    pub status: ExitStatus,
    /// All of its standard output.
    pub stdout: String,
    /// All of its standard error.
    pub stderr: String,
}

impl Exit {
    /// The exit code; none if a signal ended it.
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }
}

impl Node {
    /// Starts a node and waits until it is ready. It prints where it listens as `gateway listening on http://...` and
    /// `operator listening on http://...`.
    pub(crate) async fn start(command: Command) -> Self {
        Self::start_before(command, Behind::default()).await
    }

    /// The same before others, which it asks.
    pub(crate) async fn start_before(mut command: Command, behind: Behind) -> Self {
        let begins = Uuid::now_v7();
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?} cannot be started: {error}"));
        let stdout = Output::collect(child.stdout.take().unwrap());
        let stderr = Output::collect(child.stderr.take().unwrap());
        let listens = |name: &str| stdout.after(&format!("{name} listening on ")).map(|url| url.trim().to_owned());
        let (Some(gateway), Some(operator)) = (listens("gateway"), listens("operator")) else {
            let _ended = child.kill();
            panic!("the node does not listen: {}{}{}", stdout.text(), stderr.whole(), behind.printed());
        };
        let began = [begins, Uuid::now_v7()];
        let node = Self { child, stdout, stderr, gateway, operator, began, behind };
        eventually("readiness", || async { (node.readiness().await? == StatusCode::OK).then_some(()) }).await;
        node
    }

    /// The process's id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Two moments between which it began: its records carry a UUID of version 7 that lies between them.
    pub(crate) fn began(&self) -> [Uuid; 2] {
        self.began
    }

    /// Where the public API is, without a slash at the end.
    pub fn gateway(&self) -> &str {
        &self.gateway
    }

    /// Where the operator's listener is, without a slash at the end.
    pub fn operator(&self) -> &str {
        &self.operator
    }

    /// The same of every process that the node is made of, this one first.
    pub fn operators(&self) -> Vec<String> {
        std::iter::once(self.operator.clone()).chain(self.behind.operators()).collect()
    }

    /// Somebody who is not signed in, with a cookie jar.
    pub fn client(&self) -> Client {
        Client::new(self.gateway.clone())
    }

    /// Somebody who calls what is for probes and Prometheus alone; `operator.monitoring` says that there is one.
    pub fn monitoring_client(&self) -> Client {
        let url = self.stdout.after("monitoring listening on ").expect("the home has it listen");
        Client::new(url.trim().to_owned())
    }

    /// Somebody who calls the operator's listener.
    pub fn operator_client(&self) -> Client {
        Client::new(self.operator.clone())
    }

    /// Registers `name` with [`crate::PASSWORD`], signed in by bearer token.
    pub async fn register(&self, name: &str) -> Account {
        Account::register(self.gateway.clone(), name).await
    }

    /// What `/readyz` answers; none when nothing listens.
    pub async fn readiness(&self) -> Option<StatusCode> {
        let client = crate::http().build().ok()?;
        Some(client.get(format!("{}/readyz", self.operator)).send().await.ok()?.status())
    }

    /// Standard output and standard error until now.
    pub fn printed(&self) -> String {
        self.stdout.text() + &self.stderr.text() + &self.behind.printed()
    }

    /// Asks the node to stop (SIGTERM).
    pub fn terminate(&self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
    }

    /// Ends the node in the middle of whatever it does (SIGKILL), and waits until the system has cleared it away.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.behind.kill();
        self.child.wait().unwrap();
    }

    /// Waits until the node has ended.
    pub async fn ended(mut self) -> Exit {
        let status = eventually("the node's end", || std::future::ready(self.child.try_wait().unwrap())).await;
        self.behind.stop().await;
        Exit { status, stdout: self.stdout.whole(), stderr: self.stderr.whole() }
    }

    /// Asks the node to stop and waits until it has.
    pub async fn stop(self) -> Exit {
        self.terminate();
        self.ended().await
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
        self.behind.kill();
        if std::thread::panicking() {
            eprintln!("--- what the node printed ---\n{}", self.printed());
        }
    }
}
