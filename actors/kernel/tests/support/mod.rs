//! An actor that can be made to fail in every way, and trees to put it in.

#![expect(dead_code, reason = "each test binary uses a part")]

mod grenade;
mod victim;
mod world;

use std::time::Duration;

use portico_kernel::{Backoff, Deadline, Intensity, Ref, Spec, Strategy, Supervisor};

#[expect(unused_imports, reason = "each test binary uses a part")]
pub(crate) use self::{
    grenade::Grenade,
    victim::{Do, DoAlone, Error, Victim},
    world::{Gate, World, gate_blocks, quiet},
};

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

/// Sooner than anybody would wait for, and later than a busy machine needs.
pub(crate) fn soon() -> Deadline {
    Deadline::within(Duration::from_mins(1))
}
