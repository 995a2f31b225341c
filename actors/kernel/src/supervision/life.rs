//! What a supervisor hears of a child.

use tokio::sync::mpsc::UnboundedSender;

use super::task::Event;
use crate::tree::Cause;

/// One life of a child, in the hands of whoever lives it.
///
/// Invariant: its supervisor hears of its end once. A life that is dropped before, died with its thread.
#[derive(Debug)]
pub(crate) struct Life {
    // Unbounded, and yet bounded: a life sends three events at most, and a child has one life at a time.
    supervisor: UnboundedSender<Event>,
    id: LifeId,
    over: bool,
}

/// Which child, and which of its lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LifeId {
    pub(crate) child: usize,
    pub(crate) generation: u64,
}

impl Life {
    pub(crate) fn new(supervisor: UnboundedSender<Event>, id: LifeId) -> Self {
        Self { supervisor, id, over: false }
    }

    pub(crate) fn started(&self) {
        self.tell(Event::Started(self.id));
    }

    /// Does the same, from where the life itself is not at hand.
    pub(crate) fn announcement(&self) -> impl FnOnce() + use<> {
        let (supervisor, id) = (self.supervisor.clone(), self.id);
        move || drop(supervisor.send(Event::Started(id)))
    }

    pub(crate) fn ended(mut self, cause: Cause) {
        self.over = true;
        self.tell(Event::Ended(self.id, cause));
    }

    /// Tells the supervisor that the life's thread is blocked. It does not keep the supervisor: threads outlive lives.
    pub(crate) fn alarm(&self) -> impl Fn() + Send + use<> {
        let (supervisor, id) = (self.supervisor.downgrade(), self.id);
        move || drop(supervisor.upgrade().map(|supervisor| supervisor.send(Event::Blocked(id))))
    }

    fn tell(&self, event: Event) {
        let _gone = self.supervisor.send(event); // a supervisor that is gone has no use for it
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        if !self.over {
            self.tell(Event::Ended(self.id, Cause::Arbiter));
        }
    }
}
