//! A process of the binary under test.

use std::process::{Child, Command};

use rustix::process::{Pid, Signal, kill_process};

use crate::{Exit, eventually, output::Output};

/// A process; killed when it is dropped.
pub(crate) struct Process {
    child: Child,
    stdout: Output,
    stderr: Output,
}

impl Process {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?} cannot be started: {error}"));
        let (stdout, stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        Self { child, stdout: Output::collect(stdout), stderr: Output::collect(stderr) }
    }

    /// Whether it has not ended.
    pub(crate) fn runs(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Asks it to stop (SIGTERM), and waits until it has.
    pub(crate) async fn stop(mut self) -> Exit {
        if self.runs() {
            kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        }
        let status = eventually("its end", || std::future::ready(self.child.try_wait().unwrap())).await;
        Exit { status, stdout: self.stdout.whole(), stderr: self.stderr.whole() }
    }

    /// What it printed after `before`, in the same line, once it did.
    pub(crate) fn told(&self, before: &str) -> Option<String> {
        self.stdout.after(before).map(|text| text.trim().to_owned())
    }

    /// What it printed.
    pub(crate) fn printed(&self) -> String {
        self.stdout.text() + &self.stderr.text()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}
