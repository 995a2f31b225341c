//! What the supervision tree looks like at one moment, for operators and metrics.
//!
//! Invariant: looking never waits for an actor; it reads atomics and takes locks that are held for an instant.

mod cell;

use std::{fmt, sync::Arc};

use serde::Serialize;

pub(crate) use self::cell::{Cause, NodeCell};
use crate::latency::Latency;

/// Looks at a supervision tree at any time. Cheap to clone.
#[derive(Clone)]
pub struct TreeHandle(Arc<NodeCell>);

/// A supervision tree at one moment: its root, and everything beneath.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Tree {
    /// The outermost supervisor.
    pub root: Node,
}

/// A supervisor or an actor at one moment. Counts begin with the process and outlive restarts.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Node {
    /// Its name among its siblings.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// What it is doing.
    pub state: State,
    /// How often it was started.
    pub incarnation: u64,
    /// How often it had to be started again, and why.
    pub restarts: Restarts,
    /// Calls that wait.
    pub depth: u64,
    /// How long the oldest of them has waited, in milliseconds.
    pub oldest_ms: u64,
    /// Calls that were accepted and are not finished, waiting ones included.
    pub in_flight: u64,
    /// Calls that were answered.
    pub handled: u64,
    /// Calls that began and died in a crash.
    pub crashed: u64,
    /// Calls that were refused at the bound.
    pub overloaded: u64,
    /// Calls whose deadline passed while they ran.
    pub late: u64,
    /// How long answered calls took.
    pub latency: Latency,
    /// What it supervises, in the order of start.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub children: Vec<Node>,
}

/// What a node of the tree is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// An actor.
    Actor,
    /// A supervisor.
    Supervisor,
}

/// What a node of the tree is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It is being made, or waits for its turn.
    Starting,
    /// It works.
    Running,
    /// It crashed and will be started again.
    Backoff,
    /// It finishes what it has accepted.
    Draining,
    /// It was stopped and will not come back by itself.
    Stopped,
    /// It crashed too often; its parent must act.
    Escalated,
}

/// How often a node was started again, by cause.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Restarts {
    /// It panicked.
    pub panic: u64,
    /// The thread that it ran on ended.
    pub arbiter: u64,
    /// Its thread was blocked for too long.
    pub blocked: u64,
    /// It stopped by itself.
    pub stopped: u64,
    /// It is a supervisor and gave up.
    pub escalated: u64,
    /// It was stopped and started for the sake of a sibling.
    pub sibling: u64,
}

impl TreeHandle {
    pub(crate) fn new(root: Arc<NodeCell>) -> Self {
        Self(root)
    }

    /// The tree as it is now.
    pub fn snapshot(&self) -> Tree {
        Tree { root: self.0.snapshot() }
    }
}

impl fmt::Debug for TreeHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TreeHandle").field(&self.0.path()).finish()
    }
}

impl Tree {
    /// All actors, each with its path below the root: `user`, `bus/courier`.
    pub fn actors(&self) -> Vec<(String, Node)> {
        let mut found = Vec::new();
        for child in &self.root.children {
            collect(child, &child.name, &mut found);
        }
        found
    }
}

fn collect(node: &Node, path: &str, found: &mut Vec<(String, Node)>) {
    if node.kind == Kind::Actor {
        found.push((path.to_owned(), node.clone()));
    }
    for child in &node.children {
        collect(child, &format!("{path}/{}", child.name), found);
    }
}

impl State {
    /// Whether it works.
    pub fn is_running(self) -> bool {
        self == Self::Running
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Backoff => "backoff",
            Self::Draining => "draining",
            Self::Stopped => "stopped",
            Self::Escalated => "escalated",
        })
    }
}

impl Restarts {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.by_cause().iter().map(|(_, count)| count).sum()
    }

    /// How often each cause was one, by its name.
    pub fn by_cause(&self) -> [(&'static str, u64); 6] {
        let Self { panic, arbiter, blocked, stopped, escalated, sibling } = *self;
        [
            ("panic", panic),
            ("arbiter", arbiter),
            ("blocked", blocked),
            ("stopped", stopped),
            ("escalated", escalated),
            ("sibling", sibling),
        ]
    }
}
