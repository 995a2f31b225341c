//! The handle by which a tree is built, watched and drained.

use std::{fmt, future::Future, sync::Arc};

use actix::{Actor, Context};
use tokio::{
    sync::{
        mpsc::{UnboundedSender, error::SendError, unbounded_channel},
        oneshot, watch,
    },
    time::Instant,
};

use super::{
    Drained, Intensity, Spec, Strategy,
    actor::ActorChild,
    branch::Branch,
    drain::Drain,
    task::{Event, Task},
};
use crate::{
    Deadline, Ref, Tree, TreeHandle, chaos,
    mailbox::{Mailbox, Refusal},
    threads::{Threads, Watchdog},
    tree::{Kind, NodeCell},
};

/// A supervisor. Cheap to clone; dropping it stops nothing.
#[derive(Clone)]
pub struct Supervisor {
    // Unbounded: what is sent here is sent by the program's own start and shutdown, never by a request.
    inbox: UnboundedSender<Event>,
    node: Arc<NodeCell>,
    threads: Arc<Threads>,
    escalated: watch::Receiver<bool>,
}

impl Supervisor {
    /// The outermost supervisor, on this thread, with the default [`Watchdog`].
    ///
    /// # Panics
    /// Outside of an actix `System`.
    pub fn root(name: &str, strategy: Strategy, intensity: Intensity) -> Self {
        Self::watched(name, strategy, intensity, Watchdog::default())
    }

    /// The outermost supervisor, on this thread.
    ///
    /// # Panics
    /// Outside of an actix `System`.
    pub fn watched(name: &str, strategy: Strategy, intensity: Intensity, watchdog: Watchdog) -> Self {
        chaos::begin();
        let (root, task) = Self::new(NodeCell::root(name), strategy, intensity, Threads::new(watchdog));
        actix::spawn(task.open().run());
        root
    }

    fn new(node: Arc<NodeCell>, strategy: Strategy, intensity: Intensity, threads: Arc<Threads>) -> (Self, Task) {
        let (inbox, events) = unbounded_channel();
        let (gives_up, escalated) = watch::channel(false);
        let task = Task::new(Arc::clone(&node), strategy, intensity, (inbox.clone(), events), gives_up);
        (Self { inbox, node, threads, escalated }, task)
    }

    /// Adds an actor as the last child and starts it. The [`Ref`] works at once: calls wait for the actor.
    ///
    /// `factory` runs on the actor's thread, once for every life, and may panic.
    pub fn supervise<A, F>(&self, spec: Spec, factory: F) -> Ref<A>
    where
        A: Actor<Context = Context<A>>,
        F: FnMut() -> A + Send + 'static,
    {
        let node = self.node.child(&spec.name, Kind::Actor);
        let mailbox = Mailbox::new(spec.capacity, Arc::clone(&node));
        node.read_load_by({
            let mailbox = Arc::downgrade(&mailbox);
            move || mailbox.upgrade().map(|mailbox| mailbox.load()).unwrap_or_default()
        });
        let child = ActorChild::new(spec, factory, Arc::clone(&mailbox), Arc::clone(&self.threads));
        self.tell(Event::Add(Box::new(child)));
        Ref::new(mailbox)
    }

    /// Adds a supervisor as the last child. When it gives up, this one starts all of it afresh, or gives up too.
    #[must_use]
    pub fn branch(&self, name: &str, strategy: Strategy, intensity: Intensity) -> Self {
        let node = self.node.child(name, Kind::Supervisor);
        let (branch, task) = Self::new(Arc::clone(&node), strategy, intensity, Arc::clone(&self.threads));
        self.tell(Event::Add(Box::new(Branch::new(node, branch.inbox.clone(), task))));
        branch
    }

    /// Stops everything in the reverse order of its start. Each actor first refuses new calls (`Draining`), finishes
    /// what it has accepted, and stops; what is left at `deadline` is cut off. A drain that is under way is joined, and
    /// hastened if this deadline is sooner.
    pub async fn drain(&self, deadline: Deadline) -> Drained {
        let drain = Drain::until(deadline.instant().max(Instant::now()));
        let (done, drained) = oneshot::channel();
        self.tell(Event::Drain(drain.clone(), Some(done)));
        let _over_already = drained.await;
        drain.report().clone()
    }

    /// Resolves when this supervisor has given up: more crashes than its intensity allows. Its children are stopped. A root
    /// has nobody to start it afresh: it drains from then on, for 30 seconds at most, and [`Self::drain`] joins that.
    pub fn escalated(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut escalated = self.escalated.clone();
        async move {
            if escalated.wait_for(|escalated| *escalated).await.is_err() {
                std::future::pending::<()>().await; // it ended in order, and never will
            }
        }
    }

    /// The tree beneath, as it is now.
    pub fn snapshot(&self) -> Tree {
        self.tree().snapshot()
    }

    /// A handle for whoever only looks.
    pub fn tree(&self) -> TreeHandle {
        TreeHandle::new(Arc::clone(&self.node))
    }

    fn tell(&self, event: Event) {
        if let Err(SendError(Event::Add(mut child))) = self.inbox.send(event) {
            child.close(Refusal::Unavailable); // the supervisor has ended: nobody will start it
        }
    }
}

impl fmt::Debug for Supervisor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Supervisor").field(&self.node.path()).finish()
    }
}
