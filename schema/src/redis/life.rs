//! The life of one connection, from when it was made until it is lost. It is never mended.
//!
//! Invariant: where somebody listens, what is read on the connection is tracked by the server from before the first reading
//! to its end, and they hear of changes in the order in which the server told them.

use std::{
    pin::pin,
    time::{Duration, Instant},
};

use fred::{
    clients::Client,
    error::Error,
    interfaces::{ClientLike as _, TrackingInterface as _},
    types::{InfoKind, client::Invalidation},
};
use portico_kernel::LEASE;
use tokio::{
    select,
    sync::broadcast::{
        Receiver,
        error::{RecvError, TryRecvError},
    },
    time::sleep,
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use super::{Ears, Settings, Unopened, error::refused};

/// How often the server is asked whether it is there. Several answers may be late before a lease runs out.
const BEAT: Duration = LEASE.checked_div(4).expect("it is not by zero");
/// The first version that will do.
const OLDEST: u32 = 7;

/// What is asked on a connection, and whether it is still there.
#[derive(Clone)]
pub(super) struct Connection {
    pub(super) client: Client,
    pub(super) lost: CancellationToken,
    /// When it was made.
    pub(super) since: Instant,
}

/// A connection, with what the server says on it unasked.
pub(super) struct Life {
    pub(super) connection: Connection,
    changes: Receiver<Invalidation>,
    /// What drives the connection; it ends with it.
    driver: AbortOnDropHandle<Result<(), Error>>,
}

/// Why a connection was lost.
pub(super) type Reason = Error;

impl Life {
    /// Connects to a server that is of a version that will do and answers.
    pub(super) async fn begin(settings: &Settings, is_tracked: bool) -> Result<Self, Unopened> {
        let client = settings.client()?;
        let driver = AbortOnDropHandle::new(client.init().await.map_err(|error| refused(&error))?);
        let info: String = client.info(Some(InfoKind::Server)).await.map_err(|error| refused(&error))?;
        is_new_enough(&info)?;
        // A server that still loads its file answers nothing else.
        client.ping::<()>(None).await.map_err(|error| refused(&error))?;
        let changes = client.invalidation_rx();
        if is_tracked {
            client.start_tracking((), false, false, false, false).await.map_err(|error| refused(&error))?;
        }
        let connection = Connection { client, lost: CancellationToken::new(), since: Instant::now() };
        Ok(Self { connection, changes, driver })
    }

    /// Passes on to `ears` what the server tells, until the connection is lost.
    pub(super) async fn live(&mut self, ears: &Ears) -> Reason {
        loop {
            if let Err(reason) = self.beat(ears).await {
                return reason;
            }
        }
    }

    /// Asks the server whether it is there, and lets some time pass.
    async fn beat(&mut self, ears: &Ears) -> Result<(), Reason> {
        let (asked, client) = (Instant::now(), self.connection.client.clone());
        self.hear_until(ears, client.ping::<()>(None)).await??;
        self.hear_all(ears); // whatever the server told before its answer has come before it, and waits
        ears.complete(asked);
        self.hear_until(ears, sleep(BEAT.saturating_sub(asked.elapsed()))).await
    }

    /// Passes on what has come already.
    fn hear_all(&mut self, ears: &Ears) {
        loop {
            match self.changes.try_recv() {
                Ok(told) => hear(ears, &told),
                Err(TryRecvError::Lagged(_)) => ears.lost(),
                Err(TryRecvError::Empty | TryRecvError::Closed) => return,
            }
        }
    }

    /// Passes on what the server tells until `event` has happened.
    async fn hear_until<T>(&mut self, ears: &Ears, event: impl Future<Output = T>) -> Result<T, Reason> {
        let mut event = pin!(event);
        loop {
            select! {
                biased;
                told = self.changes.recv() => match told {
                    Ok(told) => hear(ears, &told),
                    Err(RecvError::Lagged(_)) => ears.lost(),
                    Err(closed @ RecvError::Closed) => return Err(closed.into()),
                },
                ended = &mut self.driver => {
                    return Err(ended.map_err(Error::from).flatten().err().unwrap_or_else(Error::new_canceled));
                }
                happened = &mut event => return Ok(happened),
            }
        }
    }
}

fn hear(ears: &Ears, told: &Invalidation) {
    told.keys.iter().filter_map(|key| key.as_str()).for_each(|key| ears.changed(key));
}

fn is_new_enough(info: &str) -> Result<(), Unopened> {
    let version = info.lines().find_map(|line| line.strip_prefix("redis_version:")).unwrap_or("of no known version");
    let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok());
    if major.is_some_and(|major| major >= OLDEST) {
        return Ok(());
    }
    Err(Unopened::for_good("url", format!("the server is Redis {version}; {OLDEST} or later is needed")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_before_7_is_refused_by_its_version() {
        assert!(is_new_enough("# Server\r\nredis_version:7.0.15\r\nos:Linux\r\n").is_ok());
        assert!(is_new_enough("redis_version:7.2.4\r\nvalkey_version:8.1.0\r\n").is_ok());

        let refused = is_new_enough("# Server\r\nredis_version:6.2.14\r\n").unwrap_err();

        assert_eq!(refused.to_string(), "the server is Redis 6.2.14; 7 or later is needed");
        assert!(!refused.passes);
    }
}
