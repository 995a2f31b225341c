//! How a supervisor drains: because a handle or its parent wants it, or because it is the root and gives up.
//!
//! Invariant: there is one drain at a time, by the soonest deadline of all who asked; each of them is told what became of it.

use tokio::{
    sync::oneshot,
    time::{Duration, Instant},
};

use super::{Mode, Task};
use crate::{
    mailbox::Refusal,
    supervision::{
        child::Stop,
        drain::Drain,
        slot::{Slot, Status},
    },
    tree::{Cause, State},
};

/// How long a root that gives up lets its children finish what they accepted, unless somebody asks for less.
const LAST_MAX: Duration = Duration::from_secs(30);

/// A drain that is under way.
pub(super) struct Draining {
    /// What the children are told. Its report is theirs alone.
    own: Drain,
    /// Those who asked: what became of it is told in the report of each.
    asked: Vec<Drain>,
    /// They are told of the end when these are dropped.
    handles: Vec<oneshot::Sender<()>>,
    /// Whether the parent waits for the end.
    pub(super) by_parent: bool,
    /// Where the supervisor stands when it is over.
    end: State,
}

impl Draining {
    fn new(own: Drain, end: State) -> Self {
        Self { own, asked: Vec::new(), handles: Vec::new(), by_parent: false, end }
    }

    /// How the children are told.
    pub(super) fn stop(&self) -> Stop {
        Stop::Drain(self.own.clone())
    }

    /// What became of a child.
    pub(super) fn ended(&self, slot: &mut Slot, cause: Option<Cause>) {
        slot.child.drained(&self.own, cause);
        slot.halt();
    }

    /// One more asks: a handle, or without `done` the parent. True when it wants it sooner.
    fn join(&mut self, drain: Drain, done: Option<oneshot::Sender<()>>) -> bool {
        let sooner = drain.deadline < self.own.deadline;
        self.own.deadline = self.own.deadline.min(drain.deadline);
        self.by_parent |= done.is_none();
        self.handles.extend(done);
        if !self.asked.iter().any(|asked| asked.is(&drain)) {
            self.asked.push(drain);
        }
        sooner
    }
}

impl Task {
    /// Begins a drain, or joins the one that is under way. Without `done` it is the parent's.
    pub(super) fn drain(&mut self, drain: Drain, done: Option<oneshot::Sender<()>>, now: Instant) {
        match &mut self.mode {
            Mode::Closed(_) if done.is_none() => return self.end(Cause::Stopped),
            Mode::Closed(_) => return,
            Mode::Draining(draining) => {
                if draining.join(drain, done) {
                    self.hasten(now);
                }
                return;
            }
            Mode::Open | Mode::Stopping(_) | Mode::Parked => {}
        }
        let mut draining = Draining::new(Drain::until(drain.deadline), State::Stopped);
        // Whoever is being stopped, or gives up, has a parent that waits for its end.
        draining.by_parent = matches!(self.mode, Mode::Stopping(_));
        draining.join(drain, done);
        self.begin(draining);
    }

    /// Too many crashes. A parent starts everything afresh, or gives up in its turn; a root ends in order.
    pub(super) fn give_up(&mut self, now: Instant) {
        tracing::error!(supervisor = self.node.path(), "too many crashes: supervisor gives up");
        if self.life.is_some() {
            return self.stop_all(Cause::Escalated);
        }
        self.begin(Draining::new(Drain::until(now + LAST_MAX), State::Escalated));
        self.gives_up.send_replace(true);
    }

    fn begin(&mut self, draining: Draining) {
        self.node.set(State::Draining);
        for slot in &mut self.slots {
            slot.doomed = true;
            if slot.is_down() {
                draining.ended(slot, None);
            }
        }
        self.mode = Mode::Draining(draining);
    }

    /// Tells a child whose turn it is that the deadline is sooner than it was told.
    fn hasten(&mut self, now: Instant) {
        let Mode::Draining(draining) = &self.mode else { return };
        let stop = draining.stop();
        let draining = |slot: &&mut Slot| matches!(slot.status, Status::Stopping { killed: false, .. });
        self.slots.iter_mut().filter(draining).for_each(|slot| slot.stop(&stop, now));
    }

    /// All children are down. The handles that wait are told last, when the drain is dropped.
    pub(super) fn drained(&mut self) {
        let Mode::Draining(draining) = std::mem::replace(&mut self.mode, Mode::Closed(Refusal::Draining)) else {
            return;
        };
        draining.asked.iter().for_each(|asked| asked.learn(&draining.own));
        self.node.set(draining.end);
        self.close(Refusal::Draining);
        if draining.by_parent {
            self.end(Cause::Stopped);
        }
    }
}
