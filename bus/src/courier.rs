//! Carries committed events from the outbox to the broker, oldest first, at least once.
//!
//! Invariant: an event is forgotten only after its confirm. One delivery at a time keeps the order; an event that no
//! consumer can ever apply is set aside, so that it does not hold up the others.

use std::{cell::Cell, rc::Rc, sync::Arc, time::Duration};

use actix::{
    Actor, ActorContext as _, ActorFuture, ActorFutureExt as _, Addr, AsyncContext as _, Context, Handler, Message,
    Running, WrapFuture as _,
};
use portico_kernel::{
    AskError, AtomicResponse, Blame, Event, Fault, Outbox, Server, Source, Span, SpanKind, StoreError,
};
use tokio::time::sleep;

use crate::{
    Broker, Reason, Refused,
    subscribers::{cause_of, end},
};

/// The most events that are read and published together.
const BATCH_MAX: u32 = 100;
/// The outbox is looked at this often even when nobody tells of a commit: another process may have written to it.
const POLL_INTERVAL: Duration = Duration::from_secs(5);
/// The wait after a first failed delivery; each further one doubles it.
const BACKOFF_MIN: Duration = Duration::from_millis(100);
/// The longest wait between two failed deliveries: so long after the broker's return all is delivered.
const BACKOFF_MAX: Duration = Duration::from_secs(4);

/// Carries events from one outbox to one broker. At most one may run over an outbox.
///
/// When it is drained it delivers once more, so that what was committed before is known before the process ends. What
/// cannot be delivered then stands in the outbox for the next start.
pub struct Courier {
    outbox: Arc<dyn Outbox>,
    broker: Arc<dyn Broker>,
    last: LastDelivery,
    progress: Progress,
}

/// Whether events were confirmed since this was last taken: consumers that get on are not made to wait longer and longer.
type Progress = Rc<Cell<bool>>;

/// The delivery before a courier stops.
enum LastDelivery {
    Due,
    UnderWay,
    Done,
}

/// Delivers until the outbox is empty. The courier tells itself; ask it where a caller must know that all is delivered.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "Result<(), Error>")]
pub struct Deliver;

/// Why a delivery ended before the outbox was empty. What is left stays there.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The broker or a consumer cannot take events for now.
    #[error("broker is unavailable")]
    Broker(#[source] Source),
    /// The outbox failed.
    #[error("outbox failed")]
    Outbox(#[from] StoreError),
    /// The courier did not answer.
    #[error("courier did not answer")]
    Ask(#[from] AskError),
}

impl Blame for Error {
    fn fault(&self) -> Fault {
        match self {
            Self::Broker(_) => Fault::Server(Server::Unavailable),
            Self::Outbox(error) => error.fault(),
            Self::Ask(error) => error.fault(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Broker(_) => "unavailable",
            Self::Outbox(error) => error.code(),
            Self::Ask(error) => error.code(),
        }
    }
}

impl Courier {
    /// Carries the events of `outbox` to `broker`.
    pub fn new(outbox: Arc<dyn Outbox>, broker: Arc<dyn Broker>) -> Self {
        Self { outbox, broker, last: LastDelivery::Due, progress: Progress::default() }
    }

    fn delivery(&self) -> impl ActorFuture<Self, Output = Result<(), Error>> + 'static {
        let (outbox, broker, progress) =
            (Arc::clone(&self.outbox), Arc::clone(&self.broker), Rc::clone(&self.progress));
        async move { deliver(&*outbox, &*broker, &progress).await }.into_actor(self)
    }
}

impl Actor for Courier {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        let (outbox, broker) = (Arc::clone(&self.outbox), Arc::clone(&self.broker));
        let rounds = rounds(outbox, broker, context.address(), Rc::clone(&self.progress));
        context.spawn(rounds.into_actor(self));
    }

    fn stopping(&mut self, context: &mut Self::Context) -> Running {
        match self.last {
            LastDelivery::Due => {
                self.last = LastDelivery::UnderWay;
                context.wait(self.delivery().map(|delivered, courier, context| {
                    if let Err(error) = delivered {
                        tracing::warn!(error = &error as &dyn std::error::Error, "events wait for the next start");
                    }
                    courier.last = LastDelivery::Done;
                    context.stop();
                }));
                Running::Continue
            }
            LastDelivery::UnderWay => Running::Continue,
            LastDelivery::Done => Running::Stop,
        }
    }
}

impl Handler<Deliver> for Courier {
    type Result = AtomicResponse<Self, Result<(), Error>>; // one delivery at a time keeps the order

    fn handle(&mut self, _: Deliver, _: &mut Context<Self>) -> Self::Result {
        AtomicResponse::new(self.delivery())
    }
}

/// Has the courier deliver whenever there may be something, and again after a pause when it could not, or sooner if what
/// was away is back.
async fn rounds(outbox: Arc<dyn Outbox>, broker: Arc<dyn Broker>, courier: Addr<Courier>, progress: Progress) {
    let mut backoff = BACKOFF_MIN;
    while let Ok(delivered) = courier.send(Deliver).await {
        let progressed = progress.take();
        if let Err(error) = delivered {
            backoff = if progressed { BACKOFF_MIN } else { backoff };
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, retry_ms = u64::try_from(backoff.as_millis()).ok(), "events not delivered");
            backoff = tokio::select! {
                () = broker.returned() => BACKOFF_MIN,
                () = sleep(backoff) => BACKOFF_MAX.min(backoff * 2),
            };
        } else {
            backoff = BACKOFF_MIN;
            tokio::select! {
                () = outbox.committed() => {}
                () = sleep(POLL_INTERVAL) => {}
            }
        }
    }
}

async fn deliver(outbox: &dyn Outbox, broker: &dyn Broker, progress: &Cell<bool>) -> Result<(), Error> {
    loop {
        let batch = outbox.oldest(BATCH_MAX).await?;
        if batch.is_empty() {
            return Ok(());
        }
        let Err(Refused { confirmed, reason }) = publish(broker, &batch).await else {
            forget(outbox, &batch, progress).await?;
            continue;
        };
        let (confirmed, rest) = batch.split_at(confirmed.min(batch.len()));
        forget(outbox, confirmed, progress).await?;
        match (reason, rest.first()) {
            (Reason::Poison(reason), Some(event)) => set_aside(outbox, event, &reason).await?,
            (Reason::Poison(reason), None) => return Err(Error::Broker(reason.into())),
            (Reason::Unavailable(source), _) => return Err(Error::Broker(source)),
        }
    }
}

/// Publishes a batch, each event as a part of the request that caused it.
async fn publish(broker: &dyn Broker, batch: &[Event]) -> Result<(), Refused> {
    let span =
        |event: &Event| Span::within(cause_of(event)?, SpanKind::Producer, || format!("publish {}", event.kind).into());
    let spans: Vec<_> = batch.iter().map(span).collect();
    let published = broker.publish(batch).await;
    let refused = published.as_ref().err();
    for (position, span) in spans.into_iter().enumerate() {
        end(span, "send", refused.filter(|refused| position >= refused.confirmed).map(|refused| &refused.reason));
    }
    published
}

/// After the confirm: a crash before this repeats events, and loses none.
async fn forget(outbox: &dyn Outbox, confirmed: &[Event], progress: &Cell<bool>) -> Result<(), StoreError> {
    if confirmed.is_empty() {
        return Ok(());
    }
    let ids: Vec<_> = confirmed.iter().map(|event| event.id).collect();
    outbox.forget(&ids).await?;
    progress.set(true);
    tracing::info!(count = ids.len(), "events delivered");
    Ok(())
}

async fn set_aside(outbox: &dyn Outbox, event: &Event, reason: &str) -> Result<(), StoreError> {
    tracing::error!(event.id = %event.id, event.kind = event.kind, reason, "event set aside: no consumer can apply it");
    outbox.set_aside(event.id, reason).await
}
