//! Where an actor's calls wait. It belongs to the [`Ref`](crate::Ref) and the supervisor, so that it outlives restarts.
//!
//! Invariants: calls that wait and calls that are being worked on are together never more than `capacity`, however many
//! handles there are and whatever callers do; a call begins at most once; only the present incarnation is given calls;
//! messages are never dropped under the lock, and those that will not run are dropped one by one and may panic, since
//! their `Drop` may do anything.

mod call;
mod letter;
mod state;
mod ticket;
mod works;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Waker,
};

use actix::{Actor, Handler, Message};
use tokio::{sync::oneshot, time::Instant};

pub(crate) use self::{
    call::Call,
    letter::{Envelope, Waiting},
    ticket::Refusal,
    works::Works,
};
use self::{
    letter::Letter,
    state::{Phase, State, Wake},
    ticket::Ticket,
};
use crate::{AskError, Deadline, Tracked, incarnation::Leash, panics::survive, tree::NodeCell};

/// A bounded queue of calls of any type to actors of type `A`, one incarnation after the other.
pub(crate) struct Mailbox<A: Actor> {
    state: Mutex<State<A>>,
    capacity: usize,
    node: Arc<NodeCell>,
}

/// A call for the actor.
pub(crate) struct Next<A: Actor> {
    pub(crate) envelope: Arc<dyn Envelope<A>>,
    pub(crate) call: Call,
    /// Whether it was the last that waited.
    pub(crate) is_last: bool,
}

/// What a mailbox holds at one moment.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Load {
    pub(crate) depth: u64,
    pub(crate) oldest_ms: u64,
    pub(crate) in_flight: u64,
}

impl<A: Actor> Mailbox<A> {
    pub(crate) fn new(capacity: usize, node: Arc<NodeCell>) -> Arc<Self> {
        Arc::new(Self { state: Mutex::new(State::new(Works::new(Arc::clone(&node)))), capacity: capacity.max(1), node })
    }

    pub(crate) fn node(&self) -> &Arc<NodeCell> {
        &self.node
    }

    /// Accepts a call, or says why it does not.
    pub(crate) fn send<M>(
        self: &Arc<Self>,
        message: M,
        deadline: Deadline,
        now: Instant,
    ) -> Result<Waiting<A, M::Result>, AskError>
    where
        A: Handler<M, Result: Tracked>,
        M: Message + Send + 'static,
        M::Result: Send,
    {
        let (answer, answered) = oneshot::channel();
        let letter = Letter::new(message, answer, Ticket::new(deadline, now), self.node.path());
        let letter: Arc<dyn Envelope<A>> = Arc::new(letter);
        self.push(&letter).inspect_err(|error| {
            if *error == AskError::Overloaded {
                self.node.overloaded();
            }
            letter.refused(*error);
        })?;
        Ok(Waiting::new(answered, letter, Arc::clone(self)))
    }

    fn push(&self, letter: &Arc<dyn Envelope<A>>) -> Result<(), AskError> {
        let (woken, swept) = {
            let mut state = self.lock();
            let swept = state.make_room(self.capacity);
            let admitted = state.admit(letter.ticket(), self.capacity);
            if admitted.is_ok() {
                state.queue.push_back(Arc::clone(letter));
            }
            (admitted.map(|()| state.wake()), swept)
        };
        self.discard(swept);
        match woken? {
            Wake::Nobody => {}
            Wake::Here => letter.ticket().set_next(true),
            Wake::There(waker) => waker.wake(),
        }
        Ok(())
    }

    /// The next call for the incarnation on `leash`; from here on it counts as begun. After the last one, `waker` is woken
    /// when another comes.
    pub(crate) fn next(&self, leash: &Arc<Leash>, waker: &Waker) -> Option<Next<A>> {
        loop {
            let envelope = {
                let mut state = self.lock();
                let envelope = state.next(leash, waker)?;
                if envelope.ticket().begin() {
                    let call = Call::begin(envelope.ticket(), Arc::clone(&state.works));
                    return Some(Next { envelope, call, is_last: state.queue.is_empty() });
                }
                state.passed_over(envelope.ticket());
                envelope
            };
            self.discard([envelope]);
        }
    }

    /// Notes that a caller gave up before its call began. Sweeps when most of the queue has been given up.
    fn cancelled(&self) {
        let swept = {
            let mut state = self.lock();
            state.cancelled += 1;
            if state.cancelled * 2 > state.queue.len() { state.sweep(|_| false) } else { Vec::new() }
        };
        self.discard(swept);
    }

    /// From now on the incarnation on `leash` is given the calls.
    pub(crate) fn serve(&self, leash: &Arc<Leash>) {
        let mut state = self.lock();
        state.serving = Some(Arc::clone(leash));
        state.idle = None;
        if let Phase::Open { away_until } = &mut state.phase {
            *away_until = None;
        }
    }

    /// The incarnation on `leash` is given no more calls.
    pub(crate) fn retire(&self, leash: &Arc<Leash>) {
        let mut state = self.lock();
        if state.serves(leash) {
            state.serving = None;
        }
    }

    /// Nobody serves before `until`: calls that cannot wait so long are refused at once.
    pub(crate) fn away(&self, until: Instant) {
        let refused = {
            let mut state = self.lock();
            let Phase::Open { away_until } = &mut state.phase else { return };
            *away_until = Some(until);
            state.sweep(|ticket| ticket.deadline() < until && ticket.refuse(Refusal::Unavailable))
        };
        self.discard(refused);
    }

    /// Refuses new calls; those that wait are served.
    pub(crate) fn drain(&self) {
        let mut state = self.lock();
        if let Phase::Open { .. } = state.phase {
            state.phase = Phase::Draining;
        }
    }

    /// Refuses new calls and those that wait. Answers how many waited.
    pub(crate) fn close(&self, refusal: Refusal) -> u64 {
        let refused = {
            let mut state = self.lock();
            state.phase = Phase::Closed(refusal);
            state.serving = None;
            state.sweep(|_| true)
        };
        let waited = refused.iter().filter(|envelope| envelope.ticket().refuse(refusal)).count();
        self.discard(refused);
        waited as u64
    }

    /// Drops messages that will not run. A panic in that is nobody's here: neither the supervisor's, nor the actor's, nor
    /// that of a caller who happens to sweep.
    fn discard(&self, envelopes: impl IntoIterator<Item = Arc<dyn Envelope<A>>>) {
        for envelope in envelopes {
            if let Err(panic) = survive(|| envelope.empty()) {
                tracing::error!(actor = self.node.path(), panic, "message panicked when dropped");
            }
        }
    }

    /// Whether nothing waits and nothing is being worked on.
    pub(crate) fn is_idle(&self) -> bool {
        let state = self.lock();
        state.queue.is_empty() && state.works.begun() == 0
    }

    /// What is being worked on.
    pub(crate) fn works(&self) -> Arc<Works> {
        Arc::clone(&self.lock().works)
    }

    /// Gives up the calls that a blocked thread has begun: they no longer count against the bound.
    pub(crate) fn abandon(&self) {
        let mut state = self.lock();
        state.serving = None;
        state.works = Works::new(Arc::clone(&self.node));
    }

    pub(crate) fn load(&self) -> Load {
        let state = self.lock();
        let depth = state.queue.len();
        let oldest = state.queue.iter().map(|envelope| envelope.ticket()).find(|ticket| ticket.waits());
        let age = oldest.map_or(0, |ticket| ticket.sent().elapsed().as_millis());
        Load {
            depth: depth as u64,
            oldest_ms: u64::try_from(age).unwrap_or(u64::MAX),
            in_flight: (depth + state.works.begun()) as u64,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<A>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
