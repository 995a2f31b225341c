//! What a supervisor does next, decided from where its children stand and nothing else.

use tokio::time::Instant;

use super::{Mode, Task};
use crate::{
    supervision::{
        Life, Strategy,
        child::Stop,
        slot::{Slot, Status},
    },
    tree::{Cause, State},
};

impl Task {
    /// Does everything that can be done now.
    pub(super) fn settle(&mut self, now: Instant) {
        match &self.mode {
            Mode::Open => {
                if !self.stop_last(&Stop::Now, now) {
                    self.slots.iter_mut().for_each(|slot| slot.doomed = false);
                    self.start_due(now);
                }
            }
            Mode::Stopping(cause) => {
                let cause = *cause;
                if !self.stop_last(&Stop::Now, now) {
                    self.stopped(cause);
                }
            }
            Mode::Draining(draining) => {
                let stop = draining.stop();
                if !self.stop_last(&stop, now) {
                    self.drained();
                }
            }
            Mode::Parked | Mode::Closed(_) => {}
        }
    }

    /// Stops the last child that is doomed. One at a time: false when none is left.
    fn stop_last(&mut self, stop: &Stop, now: Instant) -> bool {
        let Some(slot) = self.slots.iter_mut().rev().find(|slot| slot.doomed && !slot.is_down()) else { return false };
        if !matches!(slot.status, Status::Stopping { .. }) {
            slot.stop(stop, now);
        }
        true
    }

    /// Starts what is due. Where children share their fate, each waits until the one before it has started.
    fn start_due(&mut self, now: Instant) {
        let in_turn = self.strategy != Strategy::OneForOne;
        let Some(own) = &self.own else { return };
        for (index, slot) in self.slots.iter_mut().enumerate() {
            if slot.is_down() && slot.not_before <= now {
                let id = slot.starting(index, now);
                slot.child.start(Life::new(own.clone(), id));
            }
            if in_turn && slot.status != Status::Up {
                return;
            }
        }
        self.announce();
    }

    /// Tells the parent, once, that all children have started.
    fn announce(&mut self) {
        if self.slots.iter().all(|slot| slot.status == Status::Up) {
            self.node.set(State::Running);
            if let (Some(life), false) = (&self.life, self.announced) {
                self.announced = true;
                life.started();
            }
        }
    }

    /// All children are down because its parent stopped it, or because it gave up, which its parent hears.
    fn stopped(&mut self, cause: Cause) {
        self.mode = Mode::Parked;
        self.slots.iter_mut().for_each(Slot::halt);
        self.node.set(if cause == Cause::Escalated { State::Escalated } else { State::Stopped });
        self.end(cause);
        if cause == Cause::Escalated {
            self.gives_up.send_replace(true);
        }
    }

    /// Ends what should have started or stopped by now.
    pub(super) fn enforce_limits(&mut self, now: Instant) {
        for index in 0..self.slots.len() {
            let slot = &mut self.slots[index];
            match slot.status {
                Status::Stopping { limit: Some(limit), killed: false } if limit <= now => slot.stop(&Stop::Kill, now),
                Status::Starting { limit: Some(limit) } | Status::Stopping { limit: Some(limit), .. }
                    if limit <= now =>
                {
                    self.abandon(index, now);
                }
                Status::Starting { .. } | Status::Stopping { .. } | Status::Up | Status::Down => {}
            }
        }
    }

    /// When to look again even if nothing is heard.
    pub(super) fn alarm(&self, now: Instant) -> Option<Instant> {
        let starts = matches!(self.mode, Mode::Open);
        self.slots.iter().filter(|slot| starts || !slot.is_down()).filter_map(|slot| slot.alarm(now)).min()
    }
}
