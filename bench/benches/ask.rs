//! What a call through the kernel costs, against actix's own `Addr::send` to the same actor on a thread of its own.
//!
//! The kernel's call is bounded, has a deadline, says whether it ran, is counted, and survives the actor's crash; this is
//! the price of that.

use actix::{Actor as _, Arbiter};
use portico_bench::{
    compare,
    figures::ask_local::{Echo, Say, call, one_by_one, send, side_by_side},
};
use portico_kernel::{Intensity, Spec, Strategy, Supervisor};

/// Calls of one round.
const CALLS: u32 = 20_000;

#[actix_rt::main]
async fn main() {
    let arbiter = Arbiter::new();
    let address = Echo::start_in_arbiter(&arbiter.handle(), |_| Echo);
    let root = Supervisor::root("bench", Strategy::OneForOne, Intensity::NONE);
    let ask = root.supervise(Spec::new("echo").on("echo"), || Echo).ask::<Say>();
    let send = async |number| send(&address, number).await;
    let call = async |number| call(&ask, number).await;

    let lone = compare(async || one_by_one(&send, CALLS).await, async || one_by_one(&call, CALLS).await).await;
    let crowd = compare(async || side_by_side(&send, CALLS).await, async || side_by_side(&call, CALLS).await).await;

    println!("a call through the kernel, against actix's own:");
    println!("{}", lone.describe("one after the other", CALLS));
    println!("{}", crowd.describe("64 at the same time", CALLS));
}
