//! Attacks on a running node, each with what it tries, what must happen, and what did.
//!
//! Invariant: an attack judges what it sees and goes on; whoever runs it decides what a failure means. Every wait is
//! bounded, all traffic stays on the loopback address.
//!
//! - [`ATTACKS`]: all of them by name. `just abuse` runs them at full length, the tests run them short.
//! - [`Ledger`]: what was tried, expected and seen.
//! - [`Extent`]: how long, how often and how many.
//! - [`Wire`] and [`exchange`]: connections for what no well-behaved client sends.

mod bombs;
mod canary;
mod crossing;
mod descriptors;
mod guessing;
mod hosts;
mod idle;
mod images;
mod ledger;
mod paths;
mod sessions;
mod slow;
mod smuggling;
mod timing;
mod wire;

use std::pin::Pin;

pub use ledger::{Ledger, Trial};
pub use timing::distinguishability;
pub use wire::{Heard, Reply, Wire, answers, exchange};

/// How much of an attack is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// Seconds, without anything that the machine's load could decide: for tests.
    Short,
    /// All of it, with timing and memory judged: for `just abuse`.
    Full,
}

impl Extent {
    /// One value for each extent.
    pub fn pick<T>(self, short: T, full: T) -> T {
        match self {
            Self::Short => short,
            Self::Full => full,
        }
    }

    /// Whether everything is run and judged.
    pub fn is_full(self) -> bool {
        self == Self::Full
    }
}

type Run = fn(Extent, Ledger) -> Pin<Box<dyn Future<Output = ()> + Send>>;

/// One kind of attack.
pub struct Attack {
    /// What it is called on the command line.
    pub name: &'static str,
    /// What it tries, in a few words.
    pub summary: &'static str,
    /// Runs it.
    pub run: Run,
}

/// Every attack, in the order in which they are run.
pub const ATTACKS: &[Attack] = &[
    Attack {
        name: "sessions",
        summary: "session fixation, rotation, cookie flags",
        run: |extent, ledger| Box::pin(sessions::run(extent, ledger)),
    },
    Attack {
        name: "crossing",
        summary: "cross-site requests to every unsafe route",
        run: |extent, ledger| Box::pin(crossing::run(extent, ledger)),
    },
    Attack {
        name: "hosts",
        summary: "lies about the host and the original address",
        run: |extent, ledger| Box::pin(hosts::run(extent, ledger)),
    },
    Attack {
        name: "paths",
        summary: "paths that mean something else than they say",
        run: |extent, ledger| Box::pin(paths::run(extent, ledger)),
    },
    Attack {
        name: "smuggling",
        summary: "requests hidden inside of others",
        run: |extent, ledger| Box::pin(smuggling::run(extent, ledger)),
    },
    Attack {
        name: "bombs",
        summary: "heads, queries and bodies that cost more than they weigh",
        run: |extent, ledger| Box::pin(bombs::run(extent, ledger)),
    },
    Attack {
        name: "images",
        summary: "pictures that bomb, lie, hide or carry scripts",
        run: |extent, ledger| Box::pin(images::run(extent, ledger)),
    },
    Attack {
        name: "canary",
        summary: "secrets in errors, metrics, the tree and traces",
        run: |extent, ledger| Box::pin(canary::run(extent, ledger)),
    },
    Attack {
        name: "guessing",
        summary: "passwords guessed from one and from many addresses",
        run: |extent, ledger| Box::pin(guessing::run(extent, ledger)),
    },
    Attack {
        name: "slow",
        summary: "slow heads, slow bodies, slow readers",
        run: |extent, ledger| Box::pin(slow::run(extent, ledger)),
    },
    Attack {
        name: "idle",
        summary: "connections that do nothing, by the thousand",
        run: |extent, ledger| Box::pin(idle::run(extent, ledger)),
    },
    Attack {
        name: "timing",
        summary: "addresses told apart by the time that a refusal takes",
        run: |extent, ledger| Box::pin(timing::run(extent, ledger)),
    },
];
