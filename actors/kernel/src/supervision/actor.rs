//! An actor in the hands of its supervisor.

use std::sync::{Arc, Mutex};

use actix::{Actor, Context};
use tokio::time::Instant;

use super::{
    Backoff, Cut, CutBecause, Life, Placement, Spec,
    child::{Child, Stop},
    drain::Drain,
};
use crate::{
    incarnation::{self, Factory, Leash, Order},
    mailbox::{Mailbox, Refusal},
    threads::Threads,
    tree::{Cause, NodeCell},
};

/// Everything that outlives the actor's restarts.
pub(crate) struct ActorChild<A: Actor, F> {
    spec: Spec,
    factory: Factory<F>,
    mailbox: Arc<Mailbox<A>>,
    threads: Arc<Threads>,
    /// The present life's, or the last one's.
    leash: Arc<Leash>,
    /// How many calls were being worked on when it was killed.
    killed: usize,
}

impl<A: Actor, F> ActorChild<A, F> {
    pub(crate) fn new(spec: Spec, factory: F, mailbox: Arc<Mailbox<A>>, threads: Arc<Threads>) -> Self {
        let (factory, leash) = (Arc::new(Mutex::new(factory)), Arc::default());
        Self { spec, factory, mailbox, threads, leash, killed: 0 }
    }
}

impl<A, F> Child for ActorChild<A, F>
where
    A: Actor<Context = Context<A>>,
    F: FnMut() -> A + Send + 'static,
{
    fn node(&self) -> &NodeCell {
        self.mailbox.node()
    }

    fn backoff(&self) -> Backoff {
        self.spec.backoff
    }

    fn may_hang(&self) -> bool {
        true
    }

    fn start(&mut self, life: Life) {
        self.leash = Arc::default();
        let (factory, mailbox, leash) = (Arc::clone(&self.factory), Arc::clone(&self.mailbox), Arc::clone(&self.leash));
        let (alarm, tenant) = (life.alarm(), Arc::downgrade(&self.leash));
        let begin = move || incarnation::begin(&factory, mailbox, leash, life);
        match &self.spec.placement {
            Placement::Here => drop(actix::spawn(async move { begin() })),
            Placement::Thread(name) => self.threads.run(name, tenant, alarm, begin),
        }
    }

    fn stop(&mut self, stop: &Stop) {
        match stop {
            Stop::Now => self.leash.give(Order::Stop),
            Stop::Drain(_) => {
                self.mailbox.drain();
                self.leash.give(Order::Drain);
            }
            Stop::Kill => {
                self.killed = self.mailbox.works().begun(); // before they end by that
                self.leash.give(Order::Kill);
                self.mailbox.works().abort();
            }
        }
    }

    fn away(&self, until: Instant) {
        self.mailbox.away(until);
    }

    fn abandon(&mut self) {
        self.leash.give(Order::Kill); // should the thread ever come back
        self.mailbox.abandon();
    }

    fn close(&mut self, refusal: Refusal) {
        self.mailbox.close(refusal);
    }

    fn drained(&mut self, drain: &Drain, end: Option<Cause>) {
        let in_flight = self.mailbox.works().begun().max(self.killed) as u64;
        let queued = self.mailbox.close(Refusal::Draining);
        let path = self.mailbox.node().path().to_owned();
        let because = match end {
            None => CutBecause::Away,
            Some(Cause::Blocked) => CutBecause::Hangs,
            Some(Cause::Stopped) if self.leash.order() == Order::Kill => CutBecause::Deadline,
            Some(Cause::Stopped) if queued == 0 && in_flight == 0 => return drain.report().finished.push(path),
            Some(_) => CutBecause::Crashed,
        };
        drain.report().cut.push(Cut { path, because, queued, in_flight });
    }
}
