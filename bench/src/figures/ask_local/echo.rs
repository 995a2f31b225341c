//! The smallest actor that answers, and the ways in which it is called.

use actix::{Actor, Addr, Context, Handler, Message};
use futures_util::{StreamExt as _, stream};
use portico_kernel::{Ask, AskError};

/// Calls in flight where they are made concurrently; far below the actor's bound.
pub const CONCURRENT: usize = 64;

/// Answers what it is told.
#[derive(Debug)]
pub struct Echo;

/// Something to answer.
#[derive(Debug, Message)]
#[rtype(result = "Result<u32, AskError>")]
pub struct Say(pub u32);

impl Actor for Echo {
    type Context = Context<Self>;
}

impl Handler<Say> for Echo {
    type Result = Result<u32, AskError>;

    fn handle(&mut self, say: Say, _: &mut Context<Self>) -> Self::Result {
        Ok(say.0)
    }
}

/// Actix's own call.
///
/// # Panics
/// When the actor is gone.
pub async fn send(address: &Addr<Echo>, number: u32) -> u32 {
    address.send(Say(number)).await.expect("the actor lives").expect("it echoes")
}

/// The kernel's call.
///
/// # Panics
/// When the actor is gone.
pub async fn call(ask: &Ask<Say>, number: u32) -> u32 {
    ask.ask(Say(number)).await.expect("the actor lives")
}

/// Calls `calls` times, each when the one before is answered.
///
/// # Panics
/// When an answer is not the call's own.
pub async fn one_by_one(call: &impl AsyncFn(u32) -> u32, calls: u32) {
    for number in 0..calls {
        assert_eq!(call(number).await, number);
    }
}

/// Calls `calls` times, [`CONCURRENT`] at the same time.
///
/// # Panics
/// When an answer is lost or made up.
pub async fn side_by_side(call: &impl AsyncFn(u32) -> u32, calls: u32) {
    let answers = stream::iter(0..calls).map(|number| call(number)).buffer_unordered(CONCURRENT);
    let sum = answers.fold(0_u64, async |sum, answer| sum + u64::from(answer)).await;
    assert_eq!(sum, u64::from(calls) * u64::from(calls - 1) / 2);
}
