//! `ask_local_other_thread` and `ask_local_same_thread`: a call through the kernel, against actix's own `Addr::send` to
//! the same actor.
//!
//! The kernel's call is bounded, has a deadline, says whether it ran, is counted, and survives the actor's crash; the
//! ratio is the price of that. Calls are made one after the other, so that what is measured is the round trip.

mod echo;

use std::time::Instant;

use actix::{Actor as _, Addr, Arbiter, System};
use portico_kernel::{Ask, Intensity, Spec, Strategy, Supervisor};
use rustix::thread::{CpuSet, sched_setaffinity};

pub use self::echo::{CONCURRENT, Echo, Say, call, one_by_one, send, side_by_side};
use crate::{
    cores::on_core,
    figure::Figure,
    run::{Failure, Run},
    statistics::Repeats,
};

/// Round trips of one turn.
const CALLS: u32 = 20_000;
/// How many more turns than other figures take: each takes milliseconds.
const TURNS: usize = 5;
const FLOOR: f64 = 0.7;

/// Measures both.
///
/// # Errors
/// The system refuses a core or a thread.
pub fn measure(run: &Run) -> Result<Vec<Figure>, Failure> {
    let (caller, actor) = (run.cores.generator(), run.cores.server());
    // A thread inherits the core of the one that starts it: the actors' threads start on theirs, then the caller moves.
    let other = on_core(actor, || System::new().block_on(on_other_threads(run, caller)))
        .map_err(Failure::io("the actors' core is refused"))??;
    let same = on_core(actor, || System::new().block_on(on_this_thread(run)))
        .map_err(Failure::io("the actors' core is refused"))?;
    Ok(vec![
        other.figure("ask_local_other_thread", "actix's own send to the same actor on another thread").note(
            if caller == actor { "caller and actor share the only core" } else { "caller and actor have a core each" },
        ),
        same.figure("ask_local_same_thread", "actix's own send to the same actor on the caller's thread"),
    ])
}

async fn on_other_threads(run: &Run, caller: usize) -> Result<Found, Failure> {
    let arbiter = Arbiter::new();
    let address = Echo::start_in_arbiter(&arbiter.handle(), |_| Echo);
    let root = Supervisor::root("bench", Strategy::OneForOne, Intensity::NONE);
    let ask = root.supervise(Spec::new("echo").on("echo"), || Echo).ask::<Say>();
    call(&ask, 0).await;
    send(&address, 0).await;
    let mut core = CpuSet::new();
    core.set(caller);
    sched_setaffinity(None, &core).map_err(std::io::Error::from)?;
    let found = compare(run, &address, &ask).await;
    arbiter.stop();
    Ok(found)
}

async fn on_this_thread(run: &Run) -> Found {
    let address = Echo.start();
    let root = Supervisor::root("bench", Strategy::OneForOne, Intensity::NONE);
    let ask = root.supervise(Spec::new("echo").here(), || Echo).ask::<Say>();
    compare(run, &address, &ask).await
}

/// Calls a second.
#[derive(Default)]
struct Side {
    lone: Repeats,
    crowd: Repeats,
}

struct Found {
    kernel: Side,
    actix: Side,
    turns: usize,
}

async fn compare(run: &Run, address: &Addr<Echo>, ask: &Ask<Say>) -> Found {
    let calls = if run.options.short { CALLS / 10 } else { CALLS };
    let send = async |number| send(address, number).await;
    let call = async |number| call(ask, number).await;
    let turns = run.repeats() * TURNS;
    let mut found = Found { kernel: Side::default(), actix: Side::default(), turns };
    one_by_one(&send, calls).await; // to warm up
    one_by_one(&call, calls).await;
    for _ in 0..turns {
        found.actix.lone.add(per_s(calls, one_by_one(&send, calls)).await);
        found.kernel.lone.add(per_s(calls, one_by_one(&call, calls)).await);
        found.actix.crowd.add(per_s(calls, side_by_side(&send, calls)).await);
        found.kernel.crowd.add(per_s(calls, side_by_side(&call, calls)).await);
    }
    found
}

async fn per_s(calls: u32, work: impl Future<Output = ()>) -> f64 {
    let began = Instant::now();
    work.await;
    f64::from(calls) / began.elapsed().as_secs_f64()
}

impl Found {
    fn figure(&self, name: &str, reference: &str) -> Figure {
        let Self { kernel, actix, turns } = self;
        let us = |per_s: f64| 1e6 / per_s;
        let (ours, theirs) = (kernel.lone.median(), actix.lone.median());
        let crowd = (kernel.crowd.median(), actix.crowd.median());
        Figure::at_least(name, "round trips/s", ours, (reference, theirs), FLOOR)
            .note(format!("one after the other: {:.2} us against {:.2} us", us(ours), us(theirs)))
            .note(format!(
                "{CONCURRENT} at the same time: {:.2} us against {:.2} us a call, ratio {:.2}",
                us(crowd.0),
                us(crowd.1),
                crowd.0 / crowd.1
            ))
            .note(format!("{turns} repeats in turns: {}; reference {}", kernel.lone.spread(), actix.lone.spread()))
    }
}
