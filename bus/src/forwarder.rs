//! Carries records from a node's spool to the node that keeps them, oldest first, by asking it.
//!
//! Invariant: a record is forgotten only after the answer that it is kept, and the next are asked for only after that. So
//! what is asked again, after a crash or an answer that got lost, begins at the first that may be missing and has no gap,
//! and whoever keeps them knows the repetition.

use std::{sync::Arc, time::Duration};

use actix::{Actor, AsyncContext as _, Context, WrapFuture as _};
use portico_kernel::{Ask, StoreError};
use portico_log::{APPEND_RECORDS_MAX, Append, Error, Record, Spool};
use tokio::time::{sleep, timeout};

use crate::outage::Outage;

/// The spool is looked at this often even when nobody tells of an append.
const POLL_INTERVAL: Duration = Duration::from_secs(5);
/// How long records may take to be kept, before they are asked for again.
const KEPT_WITHIN: Duration = Duration::from_secs(10);
/// The most bytes of lines that are asked for at once: half of what a message may have, so that it never lacks room.
const BYTES_MAX: usize = 512 * 1024;

const AWAY: &str = "log records are not taken by the node that keeps them; they wait in the spool";
const BACK: &str = "log records are taken again";

/// Carries records from one spool to one node. At most one may run over a spool.
pub struct Forwarder {
    spool: Arc<dyn Spool>,
    append: Ask<Append>,
}

/// Why records are where they were.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error("spool cannot be read or emptied")]
    Spool(#[from] StoreError),
    #[error("records are not kept")]
    Append(#[from] Error),
}

impl Forwarder {
    /// Carries what waits in `spool` to whoever answers `append`.
    pub fn new(spool: Arc<dyn Spool>, append: &Ask<Append>) -> Self {
        Self { spool, append: append.clone().timeout(KEPT_WITHIN) }
    }
}

impl Actor for Forwarder {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        context.spawn(carry(Arc::clone(&self.spool), self.append.clone()).into_actor(self));
    }
}

/// Carries, for ever.
async fn carry(spool: Arc<dyn Spool>, append: Ask<Append>) {
    let mut outage = Outage::default();
    loop {
        match carry_some(&*spool, &append).await {
            Ok(carried) => {
                outage.ended(BACK);
                if carried == 0 {
                    let _later_all_the_same = timeout(POLL_INTERVAL, spool.appended()).await;
                }
            }
            Err(failed) => {
                outage.tell(AWAY, &failed);
                sleep(outage.wait()).await;
            }
        }
    }
}

/// Carries what is given out at once, and tells how many records that were.
async fn carry_some(spool: &dyn Spool, append: &Ask<Append>) -> Result<usize, Failed> {
    let waiting = spool.oldest().await?;
    for records in messages(&waiting.records) {
        append.ask(Append { records: records.into() }).await?;
    }
    // After the last answer: a crash before this asks again, and loses none.
    spool.forget(waiting.end).await?;
    Ok(waiting.records.len())
}

/// Cuts records into as few messages as may hold them.
fn messages(records: &[Record]) -> impl Iterator<Item = &[Record]> {
    let (mut bytes, mut count) = (0, 0);
    records.chunk_by(move |before, next| {
        (bytes, count) = (bytes + before.line().len(), count + 1);
        let has_room = bytes + next.line().len() <= BYTES_MAX && count < APPEND_RECORDS_MAX;
        if !has_room {
            (bytes, count) = (0, 0);
        }
        has_room
    })
}

#[cfg(test)]
mod tests {
    use portico_log::testkit::{contract::NOW, origin, record};

    use super::*;

    fn records(count: u64, bytes: usize) -> Vec<Record> {
        (1..=count).map(|sequence| record("user", &origin(1), sequence, NOW, &"x".repeat(bytes))).collect()
    }

    #[test]
    fn a_message_holds_as_many_records_as_there_is_room_for() {
        for (count, bytes) in [(0, 0), (1, 100_000), (20, 100_000), (10_000, 1)] {
            let all = records(count, bytes);

            let cut: Vec<_> = messages(&all).collect();

            assert_eq!(cut.concat(), all, "in their order, and all of them");
            for message in &cut {
                let bytes: usize = message.iter().map(|record| record.line().len()).sum();
                assert!(bytes <= BYTES_MAX && message.len() <= APPEND_RECORDS_MAX);
            }
            assert!(cut.len() <= 1 + all.iter().map(|record| record.line().len()).sum::<usize>() / (BYTES_MAX / 2));
        }
    }
}
