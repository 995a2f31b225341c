//! What a supervisor must know of an actor besides its factory.

use super::Backoff;

/// How many calls an actor holds when its spec does not say.
const DEFAULT_CAPACITY: usize = 1024;

/// The thread of actors whose spec does not name one.
const DEFAULT_THREAD: &str = "actors";

/// Describes an actor to its supervisor.
#[derive(Debug, Clone)]
pub struct Spec {
    pub(crate) name: String,
    pub(crate) capacity: usize,
    pub(crate) placement: Placement,
    pub(crate) backoff: Backoff,
}

/// Where an actor runs.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Placement {
    /// On the Arbiter of that name, together with all others that name it.
    Thread(String),
    /// On the supervisor's own thread: for tests. An actor there that blocks, blocks its supervisor.
    Here,
}

impl Spec {
    /// An actor called `name` (unique among its siblings): 1,024 calls, on a thread that it shares, default backoff.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            capacity: DEFAULT_CAPACITY,
            placement: Placement::Thread(DEFAULT_THREAD.to_owned()),
            backoff: Backoff::default(),
        }
    }

    /// Bounds the calls that are accepted and not finished, at least 1. One more answers `Overloaded`.
    #[must_use]
    pub fn capacity(self, capacity: usize) -> Self {
        Self { capacity, ..self }
    }

    /// Where it runs: the name of a thread, or a [`Placement`].
    #[must_use]
    pub fn on(self, placement: impl Into<Placement>) -> Self {
        Self { placement: placement.into(), ..self }
    }

    /// Puts it on the supervisor's own thread.
    #[must_use]
    pub fn here(self) -> Self {
        self.on(Placement::Here)
    }

    /// How long to wait before it is started again.
    #[must_use]
    pub fn backoff(self, backoff: Backoff) -> Self {
        Self { backoff, ..self }
    }
}

impl From<&str> for Placement {
    fn from(thread: &str) -> Self {
        Self::Thread(thread.to_owned())
    }
}

impl From<String> for Placement {
    fn from(thread: String) -> Self {
        Self::Thread(thread)
    }
}
