//! The broker within one process: it confirms an event once every subscriber has applied it.
//!
//! Invariant: nothing is kept here. What was not confirmed stands in the outbox, so that a crash loses no event.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::{StreamExt as _, future::pending, stream};
use portico_kernel::Event;
use tokio::sync::Notify;

use crate::{Broker, Refused, Subscribers};

/// How many events are being applied at the same time. Their confirms are counted in order.
const PIPELINED_MAX: usize = 16;

/// Delivers to the subscribers of this process.
#[derive(Debug, Clone)]
pub struct LocalBroker {
    subscribers: Subscribers,
    returned: Option<Arc<Notify>>,
}

impl LocalBroker {
    /// Delivers to `subscribers`.
    pub fn new(subscribers: Subscribers) -> Self {
        Self { subscribers, returned: None }
    }

    /// The same; `returned` tells when something is there again that they need.
    #[must_use]
    pub fn woken_by(self, returned: Option<Arc<Notify>>) -> Self {
        Self { returned, ..self }
    }
}

#[async_trait]
impl Broker for LocalBroker {
    async fn publish(&self, events: &[Event]) -> Result<(), Refused> {
        let applied: Vec<_> = events.iter().map(|event| self.subscribers.apply(event)).collect();
        let mut answers = stream::iter(applied).buffered(PIPELINED_MAX).enumerate();
        while let Some((confirmed, answer)) = answers.next().await {
            answer.map_err(|reason| Refused { confirmed, reason })?;
        }
        Ok(())
    }

    async fn returned(&self) {
        match &self.returned {
            Some(returned) => returned.notified().await,
            None => pending().await,
        }
    }
}
