//! What tests of actors need: a clock that is moved by hand, actors in one line, probes, recorders.
//!
//! Invariant: nothing in here sleeps. A test waits for what happens, or moves time itself.

mod clock;
mod probe;
mod recorder;
mod until;

pub use clock::ManualClock;
pub use probe::{Call, Probe, probe};
pub use recorder::Recorder;
pub use until::until;

use actix::{Actor, Context};

use crate::{Intensity, Ref, Spec, Strategy, Supervisor};

/// Starts `actor` under a supervisor on this thread. It cannot be made a second time: a crash leaves it stopped.
pub fn spawn<A>(actor: A) -> Ref<A>
where
    A: Actor<Context = Context<A>> + Send,
{
    let mut only = Some(actor);
    let supervisor = Supervisor::root("test", Strategy::OneForOne, Intensity::NONE);
    supervisor.supervise(Spec::new("actor").here(), move || only.take().expect("the supervisor allows no restart"))
}

/// Starts an actor under a supervisor on this thread, which makes it anew from `factory` as often as it crashes.
pub fn supervise<A>(factory: impl FnMut() -> A + Send + 'static) -> Ref<A>
where
    A: Actor<Context = Context<A>>,
{
    let supervisor = Supervisor::root("test", Strategy::OneForOne, Intensity::UNLIMITED);
    supervisor.supervise(Spec::new("actor").here(), factory)
}
