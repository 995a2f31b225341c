//! Runs processes on one data directory, one after the other under a tracer, and collects what they did.

use std::{
    fs,
    path::PathBuf,
    process::{Child, Command},
};

use tempfile::NamedTempFile;

use super::{
    super::{Plan, process},
    strace::{self, Step},
};
use crate::{Exit, Home, Node, eventually};

/// A file of a log is full sooner than by default: as soon as can be.
const ROTATE_BYTES: &str = "65536";

/// The processes of a data directory.
pub(super) struct Tracer<'a> {
    pub(super) plan: &'a Plan,
    pub(super) home: Home,
    root: PathBuf,
    pub(super) steps: Vec<Step>,
}

/// What a process does is being written here.
pub(super) struct Trace(NamedTempFile);

impl<'a> Tracer<'a> {
    /// An empty home.
    pub(super) fn new(plan: &'a Plan) -> Self {
        let home = process::home().set("log.rotate_bytes", ROTATE_BYTES);
        let root = fs::canonicalize(home.path()).expect("the home is there");
        Self { plan, home, root, steps: Vec::new() }
    }

    /// Starts a node; whoever has ended it gives the trace and its process's number to [`Self::read`].
    pub(super) async fn up(&self) -> (Node, Trace) {
        let (command, trace) = self.traced(&["up"]);
        (Node::start(command).await, trace)
    }

    /// Runs a command to its end.
    pub(super) async fn run(&mut self, arguments: &[&str]) -> Exit {
        let (mut command, trace) = self.traced(arguments);
        let child = command.spawn().expect("the tracer can be started");
        let process = child.id();
        let exit = ended(child).await;
        self.read(trace, process).await;
        exit
    }

    /// Runs a command to its end beside the node that is traced.
    pub(super) async fn run_beside(&self, arguments: &[&str]) -> Exit {
        let mut command = self.home.command_of(&self.plan.binary, arguments);
        ended(command.spawn().expect("the node's binary can be started")).await
    }

    /// Reads what a process did that has ended. The tracer outlives it for a moment.
    pub(super) async fn read(&mut self, Trace(file): Trace, process: u32) {
        let process = process.to_string();
        let whole = async || fs::read_to_string(file.path()).ok().filter(|text| is_whole(text, &process));
        strace::read(&eventually("the trace's end", whole).await, &self.root, &mut self.steps);
    }

    fn traced(&self, arguments: &[&str]) -> (Command, Trace) {
        let file = NamedTempFile::new().expect("a file can be made");
        (strace::traced(&self.home.command_of(&self.plan.binary, arguments), file.path()), Trace(file))
    }
}

async fn ended(child: Child) -> Exit {
    let output = tokio::task::spawn_blocking(|| child.wait_with_output()).await.expect("waiting does not panic");
    let output = output.expect("a command's output can be read");
    let text = |bytes| String::from_utf8(bytes).expect("commands print text");
    Exit { status: output.status, stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// A trace ends with the end of its process: `7 +++ exited with 0 +++`.
fn is_whole(trace: &str, process: &str) -> bool {
    let last = trace.lines().next_back().unwrap_or_default();
    trace.ends_with('\n') && last.split_whitespace().take(2).eq([process, "+++"])
}
