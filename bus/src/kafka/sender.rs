//! Carries records from a node's spool to the topic, oldest first, until Kafka has confirmed them.
//!
//! Invariant: a record is forgotten only after its confirm, and the next batch is sent only after that. So what is sent
//! again, after a crash or by another producer, begins at the first that may be missing and has no gap.

use std::{convert::Infallible, sync::Arc, time::Duration};

use actix::{Actor, AsyncContext as _, Context, WrapFuture as _};
use futures_util::future::join_all;
use portico_log::{Record, Spool};
use rdkafka::producer::{FutureProducer, FutureRecord};
use tokio::time::{sleep, timeout};

use super::{Failed, Settings, ears::Ears, topics};
use crate::outage::Outage;

/// The spool is looked at this often even when nobody tells of an append.
const POLL_INTERVAL: Duration = Duration::from_secs(5);
/// A confirm that takes longer is told of; it is waited for all the same.
const SLOW: Duration = Duration::from_secs(5);

const AWAY: &str = "Kafka takes no log records; they wait in the spool";
const BACK: &str = "Kafka takes log records again";

/// Carries records from one spool to one topic. At most one may run over a spool.
pub struct Sender {
    spool: Arc<dyn Spool>,
    settings: Arc<Settings>,
}

impl Sender {
    /// Carries what waits in `spool`.
    pub fn new(spool: Arc<dyn Spool>, settings: Arc<Settings>) -> Self {
        Self { spool, settings }
    }
}

impl Actor for Sender {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        context.spawn(carry(Arc::clone(&self.spool), Arc::clone(&self.settings)).into_actor(self));
    }
}

/// Carries, for ever, by one producer after the other.
async fn carry(spool: Arc<dyn Spool>, settings: Arc<Settings>) {
    let mut outage = Outage::default();
    loop {
        let Err(failed) = carry_by_one(&*spool, &settings, &mut outage).await;
        outage.tell(AWAY, &failed);
        sleep(outage.wait()).await;
    }
}

/// Carries until a producer is of no use any more.
async fn carry_by_one(spool: &dyn Spool, settings: &Settings, outage: &mut Outage) -> Result<Infallible, Failed> {
    topics::make(settings).await?;
    let producer = Producer::new(settings)?;
    loop {
        let waiting = spool.oldest().await.map_err(|error| Failed::new("spool cannot be read", error))?;
        if !waiting.records.is_empty() {
            producer.send(&waiting.records, outage).await?;
        }
        outage.ended(BACK);
        // After the confirm: a crash before this sends again, and loses none.
        spool.forget(waiting.end).await.map_err(|error| Failed::new("spool cannot be emptied", error))?;
        if waiting.records.is_empty() {
            let _later_all_the_same = timeout(POLL_INTERVAL, spool.appended()).await;
        }
    }
}

/// A producer, and where it sends to.
struct Producer<'a> {
    client: FutureProducer<Ears>,
    ears: Ears,
    topic: &'a str,
}

impl<'a> Producer<'a> {
    fn new(settings: &'a Settings) -> Result<Self, Failed> {
        let ears = Ears::default();
        let client = settings
            .producer()
            .create_with_context(ears.clone())
            .map_err(|error| Failed::new("Kafka's client cannot be made", error))?;
        Ok(Self { client, ears, topic: &settings.topic })
    }

    /// Sends all of `records` and waits for their confirms, for as long as it takes.
    async fn send(&self, records: &[Record], outage: &mut Outage) -> Result<(), Failed> {
        let doing = "records cannot be sent";
        let mut confirms = Vec::with_capacity(records.len());
        for record in records {
            let key = format!("{}/{}", record.service, record.instance);
            let line = record.line().trim_ascii_end();
            let sent = self.client.send_result(FutureRecord::to(self.topic).key(&key).payload(line));
            confirms.push(sent.map_err(|(error, _)| Failed::new(doing, self.ears.explain(error)))?);
        }
        let mut confirmed = std::pin::pin!(join_all(confirms));
        let outcomes = match timeout(SLOW, &mut confirmed).await {
            Ok(outcomes) => outcomes,
            Err(slow) => {
                let reason = self.ears.take().map_or_else(|| slow.into(), portico_kernel::Source::from);
                outage.tell(AWAY, &*reason);
                confirmed.await
            }
        };
        for outcome in outcomes {
            match outcome {
                Ok(Ok(_)) => {}
                Ok(Err((error, _))) => return Err(Failed::new(doing, self.ears.explain(error))),
                Err(gone) => return Err(Failed::new(doing, gone)),
            }
        }
        Ok(())
    }
}
