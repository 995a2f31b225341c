//! The state behind a mailbox's lock.

use std::{collections::VecDeque, sync::Arc, task::Waker, thread::ThreadId};

use actix::Actor;
use tokio::time::Instant;

use super::{
    Envelope, Works,
    ticket::{Refusal, Ticket},
};
use crate::{AskError, incarnation::Leash, threads::own_id};

/// Who waits, who serves, and whether anybody may still come.
pub(super) struct State<A: Actor> {
    pub(super) queue: VecDeque<Arc<dyn Envelope<A>>>,
    /// About how many of the queue were cancelled by their callers.
    pub(super) cancelled: usize,
    pub(super) phase: Phase,
    /// The leash of the incarnation that is being given calls.
    pub(super) serving: Option<Arc<Leash>>,
    /// That incarnation, once it was first given the last call that waited.
    pub(super) idle: Option<Idle>,
    pub(super) works: Arc<Works>,
}

/// An incarnation that has had nothing to do.
pub(super) struct Idle {
    waker: Waker,
    /// Where it lives.
    thread: ThreadId,
    /// Whether it still has not: the next call must wake it.
    sleeps: bool,
}

/// Who has to be woken for a call.
pub(super) enum Wake {
    /// Nobody: it comes to it anyway.
    Nobody,
    /// Who lives on this thread, and has been woken.
    Here,
    /// Who lives on another thread, and would at once wait for the lock.
    There(Waker),
}

/// What happens to a new call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// It waits, unless its deadline is before the earliest instant at which somebody could serve it.
    Open { away_until: Option<Instant> },
    /// It is refused; those that wait are still served.
    Draining,
    /// It is refused and nobody waits.
    Closed(Refusal),
}

impl<A: Actor> State<A> {
    pub(super) fn new(works: Arc<Works>) -> Self {
        Self {
            queue: VecDeque::new(),
            cancelled: 0,
            phase: Phase::Open { away_until: None },
            serving: None,
            idle: None,
            works,
        }
    }

    pub(super) fn serves(&self, leash: &Arc<Leash>) -> bool {
        self.serving.as_ref().is_some_and(|serving| Arc::ptr_eq(serving, leash))
    }

    pub(super) fn admit(&self, ticket: &Ticket, capacity: usize) -> Result<(), AskError> {
        match self.phase {
            Phase::Closed(refusal) => return Err(refusal.into()),
            Phase::Draining => return Err(AskError::Draining),
            Phase::Open { away_until: Some(until) } if ticket.deadline() < until => return Err(AskError::Unavailable),
            Phase::Open { .. } => {}
        }
        if ticket.has_expired() {
            return Err(AskError::Unavailable);
        }
        if self.is_full(capacity) { Err(AskError::Overloaded) } else { Ok(()) }
    }

    fn is_full(&self, capacity: usize) -> bool {
        self.queue.len() + self.works.begun() >= capacity
    }

    /// Wakes the incarnation for a call that has just come, if it sleeps.
    pub(super) fn wake(&mut self) -> Wake {
        let Some(idle) = self.idle.as_mut().filter(|idle| idle.sleeps) else { return Wake::Nobody };
        idle.sleeps = false;
        if idle.thread != own_id() {
            return Wake::There(idle.waker.clone());
        }
        idle.waker.wake_by_ref();
        Wake::Here
    }

    /// Takes the next call from the queue, for the incarnation on `leash`, which `waker` wakes.
    pub(super) fn next(&mut self, leash: &Arc<Leash>, waker: &Waker) -> Option<Arc<dyn Envelope<A>>> {
        if !self.serves(leash) {
            return None;
        }
        let next = self.queue.pop_front();
        if self.queue.is_empty() {
            match &mut self.idle {
                Some(idle) if idle.waker.will_wake(waker) => idle.sleeps = true,
                idle => *idle = Some(Idle { waker: waker.clone(), thread: own_id(), sleeps: true }),
            }
        }
        next
    }

    /// A call that was taken from the queue does not begin.
    pub(super) fn passed_over(&mut self, ticket: &Ticket) {
        if ticket.is_cancelled() {
            self.cancelled = self.cancelled.saturating_sub(1);
        }
    }

    /// Sweeps those that were given up, if nothing else makes room for one more.
    pub(super) fn make_room(&mut self, capacity: usize) -> Vec<Arc<dyn Envelope<A>>> {
        if self.cancelled > 0 && self.is_full(capacity) { self.sweep(|_| false) } else { Vec::new() }
    }

    /// Takes the envelopes that were given up, and those whose ticket is `out`, from the queue, to be dropped without
    /// the lock.
    pub(super) fn sweep(&mut self, out: impl Fn(&Ticket) -> bool) -> Vec<Arc<dyn Envelope<A>>> {
        let out = |ticket: &Ticket| !ticket.waits() || out(ticket);
        let (swept, kept): (Vec<_>, Vec<_>) = self.queue.drain(..).partition(|envelope| out(envelope.ticket()));
        self.queue = kept.into();
        self.cancelled = 0;
        swept
    }
}
