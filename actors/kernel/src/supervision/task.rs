//! The supervisor itself: one loop that hears what happened and decides what happens next.
//!
//! Invariant: every decision is made in [`Task::settle`] from the state of the slots alone, so that an event may come at
//! any moment, also during a group restart. Nothing here waits for a single child, so that a drain is heard at once.

mod drains;
mod settle;

use std::sync::Arc;

use tokio::{
    sync::{
        mpsc::{UnboundedReceiver, UnboundedSender},
        oneshot, watch,
    },
    time::{Instant, sleep_until},
};

use self::drains::Draining;
use super::{Intensity, Life, Strategy, child::Child, drain::Drain, intensity::Crashes, life::LifeId, slot::Slot};
use crate::{
    mailbox::Refusal,
    tree::{Cause, NodeCell},
};

/// What a supervisor hears.
pub(crate) enum Event {
    /// From the handle: one more child.
    Add(Box<dyn Child>),
    /// From the handle or the parent: stop in order.
    Drain(Drain, Option<oneshot::Sender<()>>),
    /// From a child: `started` has run.
    Started(LifeId),
    /// From a child: that life is over.
    Ended(LifeId, Cause),
    /// From the watchdog: that life's thread is blocked.
    Blocked(LifeId),
    /// From the parent: start everything afresh.
    Open(Life),
    /// From the parent: stop everything; it may be started again.
    Stop,
    /// From the parent: it will not be started again.
    Close(Refusal),
}

/// A supervisor's state.
pub(crate) struct Task {
    node: Arc<NodeCell>,
    strategy: Strategy,
    intensity: Intensity,
    crashes: Crashes,
    slots: Vec<Slot>,
    mode: Mode,
    /// Its own life in its parent's eyes, unless it is the root.
    life: Option<Life>,
    announced: bool,
    /// For the lives of its children; gone when there will be no more.
    own: Option<UnboundedSender<Event>>,
    inbox: UnboundedReceiver<Event>,
    gives_up: watch::Sender<bool>,
}

/// What a supervisor is about.
enum Mode {
    /// Keeps its children running.
    Open,
    /// Stops its children, for this reason.
    Stopping(Cause),
    /// Drains its children.
    Draining(Draining),
    /// Waits to be opened, with all children down.
    Parked,
    /// Is over, with all children down.
    Closed(Refusal),
}

impl Task {
    pub(crate) fn new(
        node: Arc<NodeCell>,
        strategy: Strategy,
        intensity: Intensity,
        (own, inbox): (UnboundedSender<Event>, UnboundedReceiver<Event>),
        gives_up: watch::Sender<bool>,
    ) -> Self {
        Self {
            node,
            strategy,
            intensity,
            crashes: Crashes::default(),
            slots: Vec::new(),
            mode: Mode::Parked,
            life: None,
            announced: false,
            own: Some(own),
            inbox,
            gives_up,
        }
    }

    /// A root is open from the start.
    pub(crate) fn open(mut self) -> Self {
        self.mode = Mode::Open;
        self
    }

    /// Runs until it is over and every handle is gone.
    pub(crate) async fn run(mut self) {
        loop {
            let now = Instant::now();
            self.settle(now);
            let alarm = self.alarm(now);
            tokio::select! {
                biased;
                event = self.inbox.recv() => match event {
                    Some(event) => self.hear(event, Instant::now()),
                    None => return,
                },
                () = sleep_until(alarm.unwrap_or_else(Instant::now)), if alarm.is_some() => self.enforce_limits(Instant::now()),
            }
        }
    }

    fn hear(&mut self, event: Event, now: Instant) {
        match event {
            Event::Add(child) => self.add(child, now),
            Event::Drain(drain, done) => self.drain(drain, done, now),
            Event::Started(id) => {
                if let Some(slot) = self.living(id) {
                    slot.started(now);
                }
            }
            Event::Ended(id, cause) => {
                if self.living(id).is_some() {
                    self.ended(id.child, cause, now);
                }
            }
            Event::Blocked(id) => {
                if self.living(id).is_some() {
                    self.abandon(id.child, now);
                }
            }
            Event::Open(life) => self.reopen(life, now),
            Event::Stop => self.stop(),
            Event::Close(refusal) => self.close(refusal),
        }
    }

    fn living(&mut self, id: LifeId) -> Option<&mut Slot> {
        self.slots.get_mut(id.child).filter(|slot| slot.lives(id.generation))
    }

    fn add(&mut self, mut child: Box<dyn Child>, now: Instant) {
        match self.mode {
            Mode::Open | Mode::Parked | Mode::Stopping(_) => {}
            Mode::Draining(_) => child.close(Refusal::Draining),
            Mode::Closed(refusal) => child.close(refusal),
        }
        self.slots.push(Slot::new(child, now));
    }

    fn reopen(&mut self, life: Life, now: Instant) {
        if let Mode::Closed(_) = self.mode {
            life.started(); // it was drained by itself: to its parent it is a child that does nothing
            self.life = Some(life);
            return;
        }
        self.life = Some(life);
        self.announced = false;
        self.crashes.forget();
        self.slots.iter_mut().for_each(|slot| slot.refresh(now));
        self.mode = Mode::Open;
    }

    fn stop(&mut self) {
        match &mut self.mode {
            Mode::Open => self.stop_all(Cause::Stopped),
            Mode::Draining(draining) => draining.by_parent = true,
            Mode::Closed(_) => self.end(Cause::Stopped),
            Mode::Stopping(_) | Mode::Parked => {}
        }
    }

    fn stop_all(&mut self, cause: Cause) {
        self.slots.iter_mut().for_each(|slot| slot.doomed = true);
        self.mode = Mode::Stopping(cause);
    }

    /// Ends its life in its parent's eyes.
    fn end(&mut self, cause: Cause) {
        if let Some(life) = self.life.take() {
            life.ended(cause);
        }
    }

    fn close(&mut self, refusal: Refusal) {
        self.slots.iter_mut().for_each(|slot| slot.child.close(refusal));
        self.mode = Mode::Closed(refusal);
        self.own = None;
    }

    /// A child's life is over. What that means depends on whether it was to end.
    fn ended(&mut self, index: usize, cause: Cause, now: Instant) {
        let slot = &mut self.slots[index];
        match &self.mode {
            Mode::Open if slot.doomed => {
                slot.child.node().restarts(Cause::Sibling);
                slot.rest();
            }
            Mode::Open => self.crashed(index, cause, now),
            Mode::Draining(draining) => draining.ended(slot, Some(cause)),
            Mode::Stopping(_) | Mode::Parked | Mode::Closed(_) => slot.halt(),
        }
    }

    /// A child crashed that should run: count it, doom those that share its fate, or give up.
    fn crashed(&mut self, index: usize, cause: Cause, now: Instant) {
        let not_before = self.slots[index].crashed(cause, now);
        if self.crashes.exceed(self.intensity, now) {
            return self.give_up(now);
        }
        let sharing = match self.strategy {
            Strategy::OneForOne => return,
            Strategy::OneForAll => &mut self.slots[..],
            Strategy::RestForOne => &mut self.slots[index..],
        };
        for slot in sharing {
            slot.doomed = !slot.is_down();
            slot.not_before = slot.not_before.max(not_before);
        }
    }

    fn abandon(&mut self, index: usize, now: Instant) {
        tracing::error!(actor = self.slots[index].child.node().path(), "actor's thread is blocked: it is abandoned");
        self.ended(index, Cause::Blocked, now); // first, since a drain reports what is being left behind
        self.slots[index].child.abandon();
    }
}
