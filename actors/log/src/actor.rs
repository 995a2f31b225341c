//! Logs: carries records from the inbox to the store until the store has taken them.
//!
//! Invariant: the actor keeps nothing. The queue and the batch in hand are the inbox's, which outlives it, and the store
//! knows a record that it has seen; so a crash at any point neither loses a record nor writes one twice.

use std::{sync::Arc, time::Duration};

use actix::{Actor, AsyncContext as _, Context, Handler, WrapFuture as _};
use portico_kernel::{ResponseFuture, StoreError};

use crate::{APPEND_RECORDS_MAX, Append, Error, Flush, Inbox, Store};

/// How often the store does what is due by the clock.
const TEND_INTERVAL: Duration = Duration::from_mins(1);
/// How long the first wait is after the store failed; each further one is twice as long.
const RETRY_FIRST: Duration = Duration::from_millis(100);
/// The longest wait.
const RETRY_MAX: Duration = Duration::from_secs(5);

/// The actor of the log domain.
pub struct Logs {
    store: Arc<dyn Store>,
    own: Option<Own>,
}

/// The records of this node.
struct Own {
    inbox: Inbox,
    flush_interval: Duration,
}

impl Logs {
    /// Carries the records of `inbox` to `store`, each within `flush_interval` of being logged.
    pub fn new(inbox: Inbox, store: Arc<dyn Store>, flush_interval: Duration) -> Self {
        Self { store, own: Some(Own { inbox, flush_interval }) }
    }

    /// Keeps what others append in `store`, and no records of this node.
    pub fn of_others(store: Arc<dyn Store>) -> Self {
        Self { store, own: None }
    }
}

impl Actor for Logs {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        if let Some(Own { inbox, flush_interval }) = &self.own {
            // Half of the interval to wait, the other half to write.
            let writing = write(inbox.clone(), Arc::clone(&self.store), *flush_interval / 2);
            context.spawn(writing.into_actor(self));
        }
        context.spawn(tend(Arc::clone(&self.store)).into_actor(self));
    }
}

impl Handler<Append> for Logs {
    type Result = ResponseFuture<Result<(), Error>>;

    fn handle(&mut self, Append { records }: Append, _: &mut Context<Self>) -> Self::Result {
        let store = Arc::clone(&self.store);
        ResponseFuture::new(async move {
            if records.len() > APPEND_RECORDS_MAX {
                return Err(Error::TooMany);
            }
            Ok(store.append(records).await?)
        })
    }
}

impl Handler<Flush> for Logs {
    type Result = ResponseFuture<Result<(), Error>>;

    fn handle(&mut self, _: Flush, _: &mut Context<Self>) -> Self::Result {
        let inbox = self.own.as_ref().map(|own| own.inbox.clone());
        ResponseFuture::new(async move {
            match inbox {
                Some(inbox) => inbox.flushed().await,
                None => Ok(()),
            }
        })
    }
}

/// Carries records, for ever.
async fn write(inbox: Inbox, store: Arc<dyn Store>, tick: Duration) {
    let mut outage = Outage::default();
    loop {
        inbox.wait(tick).await;
        while let Some(batch) = inbox.batch() {
            match inbox.write(&batch, &*store).await {
                Ok(()) => outage.ended(),
                Err(error) => tokio::time::sleep(outage.failed(&error)).await,
            }
            if !inbox.has_a_full_batch() {
                break; // what came meanwhile can wait for company: each batch costs a sync
            }
        }
    }
}

/// A time during which the store takes nothing. It is told twice, at its beginning and at its end, since what is logged
/// meanwhile only fills the queue.
#[derive(Default)]
struct Outage {
    failures: u32,
}

impl Outage {
    /// How long to wait before the next try.
    fn failed(&mut self, error: &StoreError) -> Duration {
        if self.failures == 0 {
            tracing::error!(error = error as &dyn std::error::Error, "log records cannot be written");
        }
        let wait = RETRY_FIRST.saturating_mul(2_u32.saturating_pow(self.failures));
        self.failures = self.failures.saturating_add(1);
        wait.min(RETRY_MAX)
    }

    fn ended(&mut self) {
        let failures = std::mem::take(&mut self.failures);
        if failures > 0 {
            tracing::info!(failures, "log records can be written again");
        }
    }
}

/// Lets the store do what is due by the clock, for ever. Of failures in a row the first is told.
async fn tend(store: Arc<dyn Store>) {
    let mut failing = false;
    loop {
        let tended = store.tend().await;
        if let Err(error) = &tended
            && !failing
        {
            tracing::warn!(error = error as &dyn std::error::Error, "log files not tended");
        }
        failing = tended.is_err();
        tokio::time::sleep(TEND_INTERVAL).await;
    }
}
