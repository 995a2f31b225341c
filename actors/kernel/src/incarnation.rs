//! One life of an actor: from the factory to the last drop, on one thread.
//!
//! Invariants: a panic ends the life and nothing else, wherever it happens; the mailbox gives nothing to a life that is
//! over; the supervisor hears of the end exactly once, also when the thread itself ends.

mod driver;
mod leash;
mod pump;

use std::sync::{Arc, Mutex, TryLockError};

use actix::{Actor, AsyncContext as _, Context};

pub(crate) use self::leash::{Leash, Order};
use self::{driver::Driver, pump::Pump};
use crate::{mailbox::Mailbox, panics::survive, supervision::Life, tree::Cause};

/// What makes an actor, again and again. Locked only by the life that is being made.
pub(crate) type Factory<F> = Arc<Mutex<F>>;

/// Makes an actor on this thread and runs it until it ends, which `life` reports.
pub(crate) fn begin<A, F>(factory: &Factory<F>, mailbox: Arc<Mailbox<A>>, leash: Arc<Leash>, life: Life)
where
    A: Actor<Context = Context<A>>,
    F: FnMut() -> A,
{
    if leash.order() >= Order::Stop {
        return life.ended(Cause::Stopped); // called off before it began; a drain lets it serve those who wait
    }
    let actor = match make(factory, mailbox.node().path()) {
        Ok(actor) => actor,
        Err(cause) => return life.ended(cause),
    };
    let mut context = Context::new();
    // The pump never ends, and a context with a future in it stays alive without anybody holding an address.
    context.spawn(Pump::new(Arc::clone(&mailbox), Arc::clone(&leash), life.announcement()));
    mailbox.serve(&leash);
    actix::spawn(Driver::new(context.into_future(actor), mailbox, leash, life));
}

fn make<A, F: FnMut() -> A>(factory: &Factory<F>, path: &str) -> Result<A, Cause> {
    let mut factory = match factory.try_lock() {
        Ok(factory) => factory,
        Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
        // A life that was abandoned hangs in the factory; waiting for it would block this thread too.
        Err(TryLockError::WouldBlock) => return Err(Cause::Blocked),
    };
    survive(&mut *factory).map_err(|panic| {
        tracing::error!(actor = path, panic, "actor's factory panicked");
        Cause::Panic
    })
}
