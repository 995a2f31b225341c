//! A supervisor in the hands of another.

use std::sync::Arc;

use tokio::{sync::mpsc::UnboundedSender, time::Instant};

use super::{
    Backoff, Life,
    child::{Child, Stop},
    drain::Drain,
    task::{Event, Task},
};
use crate::{
    mailbox::Refusal,
    tree::{Cause, NodeCell},
};

/// A nested supervisor. Its task begins when it first hears something and waits between lives.
pub(crate) struct Branch {
    node: Arc<NodeCell>,
    inbox: UnboundedSender<Event>,
    task: Option<Task>,
}

impl Branch {
    pub(crate) fn new(node: Arc<NodeCell>, inbox: UnboundedSender<Event>, task: Task) -> Self {
        Self { node, inbox, task: Some(task) }
    }

    fn tell(&mut self, event: Event) {
        if let Some(task) = self.task.take() {
            actix::spawn(task.run());
        }
        let _gone = self.inbox.send(event); // a life in it reports its end when it is dropped
    }
}

impl Child for Branch {
    fn node(&self) -> &NodeCell {
        &self.node
    }

    fn backoff(&self) -> Backoff {
        Backoff::default()
    }

    fn may_hang(&self) -> bool {
        false
    }

    fn start(&mut self, life: Life) {
        self.tell(Event::Open(life));
    }

    fn stop(&mut self, stop: &Stop) {
        self.tell(match stop {
            Stop::Now => Event::Stop,
            Stop::Drain(drain) => Event::Drain(drain.clone(), None),
            Stop::Kill => return, // it keeps the same deadline by itself
        });
    }

    fn away(&self, _: Instant) {}

    fn abandon(&mut self) {}

    fn close(&mut self, refusal: Refusal) {
        self.tell(Event::Close(refusal));
    }

    fn drained(&mut self, drain: &Drain, end: Option<Cause>) {
        if end.is_none() {
            self.tell(Event::Drain(drain.clone(), None)); // nothing in it runs, but its callers must hear of it
        }
    }
}
