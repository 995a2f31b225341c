//! Hands events that a broker brings to the domains of this process, and tells the broker what became of each.
//!
//! Invariant: a delivery is acknowledged once every subscriber has applied its event. One that cannot be applied for now is
//! given back, one that never can be is rejected; when this actor crashes, what it had in hand is delivered again.

use std::{rc::Rc, sync::Arc, time::Duration};

use actix::{Actor, ActorContext as _, ActorFutureExt as _, AsyncContext as _, Context, Running, WrapFuture as _};
use futures_util::{StreamExt as _, stream::FuturesUnordered};
use portico_kernel::Source;
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

use crate::{Delivery, Intake, Reason, Subscribers};

/// How many events are being applied at the same time.
const APPLIED_MAX: usize = 16;
/// The wait before more is taken, after something went wrong; it doubles each time.
const PAUSE_MIN: Duration = Duration::from_millis(100);
/// The longest wait.
const PAUSE_MAX: Duration = Duration::from_secs(4);

/// Receives events from one intake. Any number of nodes may receive from the same queue.
///
/// When it is drained it takes no more, and settles what it has taken.
pub struct Receiver {
    intake: Arc<dyn Intake>,
    subscribers: Subscribers,
    drained: Rc<Notify>,
    is_done: bool,
}

impl Receiver {
    /// Hands what `intake` brings to `subscribers`.
    pub fn new(intake: Arc<dyn Intake>, subscribers: Subscribers) -> Self {
        Self { intake, subscribers, drained: Rc::default(), is_done: false }
    }
}

impl Actor for Receiver {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        let (intake, subscribers) = (Arc::clone(&self.intake), self.subscribers.clone());
        let receiving = receive(intake, subscribers, Rc::clone(&self.drained));
        context.spawn(receiving.into_actor(self).map(|(), receiver, context| {
            receiver.is_done = true;
            context.stop();
        }));
    }

    fn stopping(&mut self, _: &mut Self::Context) -> Running {
        self.drained.notify_one();
        if self.is_done { Running::Stop } else { Running::Continue }
    }
}

/// Takes and settles until it is `drained`.
async fn receive(intake: Arc<dyn Intake>, subscribers: Subscribers, drained: Rc<Notify>) {
    let (mut in_hand, mut pace) = (FuturesUnordered::new(), Pace::new());
    loop {
        let has_room = in_hand.len() < APPLIED_MAX;
        let next = async {
            sleep_until(pace.resumes_at).await;
            intake.next().await
        };
        tokio::select! {
            biased; // once it is drained it takes no more
            () = drained.notified() => break,
            Some(settled) = in_hand.next() => pace.note(settled),
            taken = next, if has_room => match taken {
                Ok(delivery) => in_hand.push(apply(&subscribers, delivery)),
                Err(error) => pace.note(Err(error)),
            },
        }
    }
    while in_hand.next().await.is_some() {}
}

/// Has an event applied, and its delivery settled accordingly. An error when more like it are to be expected.
async fn apply(subscribers: &Subscribers, delivery: Box<dyn Delivery>) -> Result<(), Source> {
    match subscribers.apply(delivery.event()).await {
        Ok(()) => delivery.acknowledge().await,
        Err(Reason::Poison(reason)) => delivery.reject(&reason).await,
        Err(Reason::Unavailable(error)) => {
            delivery.release().await?;
            Err(error)
        }
    }
}

/// When more may be taken.
struct Pace {
    pause: Duration,
    resumes_at: Instant,
}

impl Pace {
    fn new() -> Self {
        Self { pause: PAUSE_MIN, resumes_at: Instant::now() }
    }

    /// Slows down after a failure. What fails during a pause was taken before it, and is no news.
    fn note(&mut self, settled: Result<(), Source>) {
        let now = Instant::now();
        let Err(error) = settled else {
            self.pause = PAUSE_MIN;
            return;
        };
        if now < self.resumes_at {
            return;
        }
        let retry_ms = u64::try_from(self.pause.as_millis()).ok();
        tracing::warn!(error = &*error as &dyn std::error::Error, retry_ms, "events not received");
        self.resumes_at = now + self.pause;
        self.pause = PAUSE_MAX.min(self.pause * 2);
    }
}
