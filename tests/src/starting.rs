//! A node of which nobody knows yet whether it will ever listen.

use std::process::{Child, Command};

use rustix::process::{Pid, Signal, kill_process};

use crate::{Exit, Home, eventually, output::Output};

/// A node that starts. Dropping it kills it.
pub struct Starting {
    child: Child,
    stdout: Output,
    stderr: Output,
}

impl Home {
    /// Starts a node, and waits for nothing.
    ///
    /// # Panics
    /// When the system cannot start it.
    pub fn start(&self) -> Starting {
        Starting::of(self.command(&["up"]))
    }

    /// Starts one node of many, as the arguments of `portico node` say, and waits for nothing.
    ///
    /// # Panics
    /// As [`Self::start`].
    pub fn start_node(&self, arguments: &[String]) -> Starting {
        let arguments: Vec<_> = ["node"].into_iter().chain(arguments.iter().map(String::as_str)).collect();
        Starting::of(self.command(&arguments))
    }
}

impl Starting {
    fn of(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?} cannot be started: {error}"));
        let stdout = Output::collect(child.stdout.take().expect("it is piped"));
        let stderr = Output::collect(child.stderr.take().expect("it is piped"));
        Self { child, stdout, stderr }
    }

    /// The process's id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What follows `prefix` where it says where it listens.
    ///
    /// # Panics
    /// When it ends without a word of it.
    pub fn told(&self, prefix: &str) -> String {
        self.stdout
            .after(prefix)
            .unwrap_or_else(|| panic!("no `{prefix}`: {}{}", self.stdout.text(), self.stderr.text()))
    }

    /// Waits until standard error holds `text`.
    pub async fn tells(&self, text: &str) {
        eventually(text, || std::future::ready(self.stderr.text().contains(text).then_some(()))).await;
    }

    /// Asks it to stop (SIGTERM).
    ///
    /// # Panics
    /// When it has been reaped already.
    pub fn terminate(&self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).expect("it has not been reaped");
    }

    /// Waits until it has ended.
    ///
    /// # Panics
    /// When it does not.
    pub async fn ended(mut self) -> Exit {
        let status = eventually("its end", || std::future::ready(self.child.try_wait().expect("it is our own"))).await;
        Exit { status, stdout: self.stdout.whole(), stderr: self.stderr.whole() }
    }
}

impl Drop for Starting {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}
