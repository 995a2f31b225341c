//! An actor that can be made to fail in every way, and trees to put it in.

#![expect(dead_code, reason = "each test binary uses a part")]

use std::{
    sync::{
        Arc, Once,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use actix::{
    Actor, ActorContext as _, ActorFutureExt as _, AsyncContext as _, Context, Handler, Message, WrapFuture as _,
};
use portico_kernel::{
    AskError, AtomicResponse, Backoff, Deadline, Intensity, Ref, ResponseFuture, Spec, Strategy, Supervisor,
    testkit::Recorder,
};
use tokio::sync::Semaphore;

/// Counts, and fails as it is told.
pub(crate) struct Victim {
    pub(crate) count: u32,
    pub(crate) world: World,
}

/// What outlives a victim, so that a test can look at what it did.
#[derive(Clone)]
pub(crate) struct World {
    /// What happened, in order.
    pub(crate) log: Recorder<String>,
    /// How many calls of [`Do`] began, by whichever incarnation.
    pub(crate) begun: Arc<AtomicU32>,
    /// Until when factories panic.
    pub(crate) factory_panics: Arc<AtomicU32>,
    /// Until when `started` panics.
    pub(crate) started_panics: Arc<AtomicU32>,
    /// What work that waits, waits for.
    pub(crate) gate: Arc<Gate>,
    /// Whether `stopped` panics.
    pub(crate) stopped_panics: bool,
    /// Keeps no log, which would grow.
    pub(crate) forgets: bool,
    pub(crate) name: &'static str,
}

/// Shut at first.
pub(crate) struct Gate(Semaphore);

impl Default for Gate {
    fn default() -> Self {
        Self(Semaphore::new(0))
    }
}

impl Gate {
    pub(crate) async fn passed(&self) {
        drop(self.0.acquire().await.unwrap());
    }

    pub(crate) fn open(&self) {
        self.0.add_permits(1);
    }
}

impl Default for World {
    fn default() -> Self {
        quiet();
        Self {
            log: Recorder::new(),
            begun: Arc::default(),
            factory_panics: Arc::default(),
            started_panics: Arc::default(),
            gate: Arc::default(),
            stopped_panics: false,
            forgets: false,
            name: "",
        }
    }
}

/// Keeps panics that a test asked for off the terminal.
pub(crate) fn quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let report = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !panic.payload_as_str().is_some_and(|said| said.starts_with("told to")) {
                report(panic);
            }
        }));
    });
}

impl World {
    pub(crate) fn named(name: &'static str) -> Self {
        Self { name, ..Self::default() }
    }

    pub(crate) fn victim(&self) -> Victim {
        assert!(!take_one(&self.factory_panics), "told to panic in the factory");
        Victim { count: 0, world: self.clone() }
    }

    pub(crate) fn note(&self, what: &str) {
        if self.forgets {
            return;
        }
        self.log.record(format!("{} {what}", self.name).trim().to_owned());
    }

    pub(crate) fn begun(&self) -> u32 {
        self.begun.load(Ordering::SeqCst)
    }
}

fn take_one(left: &AtomicU32) -> bool {
    left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
}

impl Actor for Victim {
    type Context = Context<Self>;

    fn started(&mut self, _: &mut Context<Self>) {
        assert!(!take_one(&self.world.started_panics), "told to panic in started");
        self.world.note("started");
    }

    fn stopped(&mut self, _: &mut Context<Self>) {
        self.world.note("stopped");
        assert!(!self.world.stopped_panics, "told to panic in stopped");
    }
}

/// How a victim is to behave. Each answers the count of this incarnation's calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Do {
    Count,
    /// Counts when the gate opens, beside the actor.
    CountLater,
    PanicInHandler,
    PanicInResponseFuture,
    PanicInSpawned,
    PanicInTimer,
    PanicInDrop,
    /// Panics in the drop of the actor's state after a panic in the handler.
    PanicInHandlerAndDrop,
    Stop,
    KillArbiter,
    /// Panics while a value is dropped because of a panic: nothing survives that.
    PanicTwice,
    Hang,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Error {
    Ask(AskError),
}

impl From<AskError> for Error {
    fn from(error: AskError) -> Self {
        Self::Ask(error)
    }
}

impl Message for Do {
    type Result = Result<u32, Error>;
}

struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("told to panic in drop");
    }
}

impl Handler<Do> for Victim {
    type Result = ResponseFuture<Result<u32, Error>>;

    fn handle(&mut self, order: Do, context: &mut Context<Self>) -> Self::Result {
        self.world.begun.fetch_add(1, Ordering::SeqCst);
        self.count += 1;
        let (count, gate) = (self.count, Arc::clone(&self.world.gate));
        match order {
            Do::Count => {}
            Do::CountLater => {
                return ResponseFuture::new(async move {
                    gate.passed().await;
                    Ok(count)
                });
            }
            Do::PanicInHandler => panic!("told to panic in the handler"),
            Do::PanicInResponseFuture => {
                return ResponseFuture::new(async move {
                    tokio::task::yield_now().await;
                    panic!("told to panic after an await")
                });
            }
            Do::PanicInSpawned => {
                let spawned = async {
                    tokio::task::yield_now().await;
                    panic!("told to panic in a spawned task")
                };
                context.spawn(spawned.into_actor(self));
            }
            Do::PanicInTimer => {
                context.run_later(Duration::from_millis(1), |_, _| panic!("told to panic in a timer"));
            }
            Do::PanicInDrop => {
                let bomb = Bomb;
                context.spawn(std::future::pending::<()>().into_actor(self).map(move |(), _, _| drop(bomb)));
                context.stop();
            }
            Do::PanicInHandlerAndDrop => {
                let bomb = Bomb;
                context.spawn(std::future::pending::<()>().into_actor(self).map(move |(), _, _| drop(bomb)));
                panic!("told to panic in the handler and in drop");
            }
            Do::Stop => context.stop(),
            Do::KillArbiter => {
                actix::Arbiter::current().stop();
            }
            Do::PanicTwice => {
                let _bomb = Bomb;
                panic!("told to panic twice");
            }
            Do::Hang => gate_blocks(&gate),
        }
        ResponseFuture::new(async move { Ok(count) })
    }
}

/// Blocks the thread until the gate opens, as no actor should.
pub(crate) fn gate_blocks(gate: &Gate) {
    while gate.0.try_acquire().is_err() {
        std::thread::yield_now();
    }
    gate.open();
}

/// Exclusive work: counts when the gate opens, or panics after an await.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DoAlone {
    Count,
    Panic,
}

impl Message for DoAlone {
    type Result = Result<u32, Error>;
}

impl Handler<DoAlone> for Victim {
    type Result = AtomicResponse<Self, Result<u32, Error>>;

    fn handle(&mut self, order: DoAlone, _: &mut Context<Self>) -> Self::Result {
        self.world.begun.fetch_add(1, Ordering::SeqCst);
        let gate = Arc::clone(&self.world.gate);
        let work = async move {
            match order {
                DoAlone::Count => gate.passed().await,
                DoAlone::Panic => {
                    tokio::task::yield_now().await;
                    panic!("told to panic in exclusive work");
                }
            }
        };
        AtomicResponse::new(work.into_actor(self).map(|(), victim: &mut Self, _| {
            victim.count += 1;
            Ok(victim.count)
        }))
    }
}

/// A backoff that is the same every time.
pub(crate) const STEADY: Backoff = Backoff {
    first: Duration::from_millis(1),
    most: Duration::from_millis(1),
    jitter: 0.0,
    healthy: Duration::from_mins(1),
};

pub(crate) fn root(strategy: Strategy) -> Supervisor {
    Supervisor::root("root", strategy, Intensity::UNLIMITED)
}

pub(crate) fn spec(name: &str) -> Spec {
    Spec::new(name).here().backoff(STEADY)
}

/// A victim under a root of its own, on this thread.
pub(crate) fn victim(world: &World) -> Ref<Victim> {
    victim_as(spec("victim"), world)
}

pub(crate) fn victim_as(spec: Spec, world: &World) -> Ref<Victim> {
    add(&root(Strategy::OneForOne), spec, world)
}

pub(crate) fn add(supervisor: &Supervisor, spec: Spec, world: &World) -> Ref<Victim> {
    let world = world.clone();
    supervisor.supervise(spec, move || world.victim())
}

pub(crate) fn soon() -> Deadline {
    Deadline::within(Duration::from_secs(5))
}
