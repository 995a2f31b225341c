//! What a supervisor supervises: actors, and other supervisors.

use tokio::time::Instant;

use super::{Backoff, Life, drain::Drain};
use crate::{
    mailbox::Refusal,
    tree::{Cause, NodeCell},
};

/// How a child is told to end.
#[derive(Debug, Clone)]
pub(crate) enum Stop {
    /// Soon: what is being worked on exclusively is cut off, what waits goes on waiting.
    Now,
    /// When everything that was accepted is finished.
    Drain(Drain),
    /// Whatever it is doing.
    Kill,
}

/// A child in the hands of its supervisor. None of these waits: what comes of it arrives as an event.
pub(crate) trait Child: Send {
    fn node(&self) -> &NodeCell;

    fn backoff(&self) -> Backoff;

    /// Whether it may hang, so that starting and stopping it need limits. A supervisor keeps limits of its own.
    fn may_hang(&self) -> bool;

    fn start(&mut self, life: Life);

    fn stop(&mut self, stop: &Stop);

    /// It will not be started before `until`.
    fn away(&self, until: Instant);

    /// Its present life hangs: whatever comes of that, it counts no more.
    fn abandon(&mut self);

    /// It will not be started again: its callers are refused.
    fn close(&mut self, refusal: Refusal);

    /// It has ended in the course of a drain; it may have been cut off.
    fn drained(&mut self, drain: &Drain, end: Option<Cause>);
}
