//! An actor that can be made to fail in every way.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use actix::{
    Actor, ActorContext as _, ActorFutureExt as _, AsyncContext as _, Context, Handler, Message, Running,
    WrapFuture as _,
};
use portico_kernel::{AskError, AtomicResponse, ResponseFuture};

use super::{World, gate_blocks, world::take_one};

/// Counts, and fails as it is told.
pub(crate) struct Victim {
    pub(crate) count: u32,
    pub(crate) world: World,
}

impl Actor for Victim {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Context<Self>) {
        assert!(!take_one(&self.world.started_panics), "told to panic in started");
        self.world.note("started");
        if self.world.waits_to_start {
            let gate = Arc::clone(&self.world.gate);
            context.wait(async move { gate.passed().await }.into_actor(self));
        }
    }

    fn stopping(&mut self, _: &mut Context<Self>) -> Running {
        assert!(!take_one(&self.world.stopping_panics), "told to panic in stopping");
        Running::Stop
    }

    fn stopped(&mut self, _: &mut Context<Self>) {
        self.world.note("stopped");
        assert!(!self.world.stopped_panics, "told to panic in stopped");
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        assert!(!take_one(&self.world.drop_panics), "told to panic in the actor's drop");
    }
}

impl Victim {
    /// Notes that a call has begun, and counts it.
    pub(crate) fn begins(&mut self) {
        self.world.begun.fetch_add(1, Ordering::SeqCst);
        self.count += 1;
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
        self.begins();
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

/// Exclusive work: counts when the gate opens, or panics after an await.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DoAlone {
    Count,
    /// Without waiting for anything.
    CountAtOnce,
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
                DoAlone::CountAtOnce => {}
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
