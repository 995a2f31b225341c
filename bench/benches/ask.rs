//! What a call through the kernel costs, against actix's own `Addr::send` to the same actor on a thread of its own.
//!
//! The kernel's call is bounded, has a deadline, says whether it ran, is counted, and survives the actor's crash; this is
//! the price of that.

use actix::{Actor, Arbiter, Context, Handler, Message};
use futures_util::{StreamExt as _, stream};
use portico_bench::compare;
use portico_kernel::{AskError, Intensity, Spec, Strategy, Supervisor};

/// Calls of one round.
const CALLS: u32 = 20_000;
/// Calls in flight where they are made concurrently; far below the actor's bound.
const CONCURRENT: usize = 64;

struct Echo;

#[derive(Message)]
#[rtype(result = "Result<u32, AskError>")]
struct Say(u32);

impl Actor for Echo {
    type Context = Context<Self>;
}

impl Handler<Say> for Echo {
    type Result = Result<u32, AskError>;

    fn handle(&mut self, say: Say, _: &mut Context<Self>) -> Self::Result {
        Ok(say.0)
    }
}

#[actix_rt::main]
async fn main() {
    let arbiter = Arbiter::new();
    let address = Echo::start_in_arbiter(&arbiter.handle(), |_| Echo);
    let root = Supervisor::root("bench", Strategy::OneForOne, Intensity::NONE);
    let ask = root.supervise(Spec::new("echo").on("echo"), || Echo).ask::<Say>();
    let send = async |number| address.send(Say(number)).await.expect("the actor lives").expect("it echoes");
    let call = async |number| ask.ask(Say(number)).await.expect("the actor lives");

    let lone = compare(async || one_by_one(&send).await, async || one_by_one(&call).await).await;
    let crowd = compare(async || side_by_side(&send).await, async || side_by_side(&call).await).await;

    println!("a call through the kernel, against actix's own:");
    println!("{}", lone.describe("one after the other", CALLS));
    println!("{}", crowd.describe("64 at the same time", CALLS));
}

async fn one_by_one(call: &impl AsyncFn(u32) -> u32) {
    for number in 0..CALLS {
        assert_eq!(call(number).await, number);
    }
}

async fn side_by_side(call: &impl AsyncFn(u32) -> u32) {
    let answers = stream::iter(0..CALLS).map(|number| call(number)).buffer_unordered(CONCURRENT);
    let sum = answers.fold(0_u64, async |sum, answer| sum + u64::from(answer)).await;
    assert_eq!(sum, u64::from(CALLS) * u64::from(CALLS - 1) / 2);
}
