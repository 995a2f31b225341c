//! The life of one connection, from when it was made until it is lost. It is never mended.
//!
//! Invariant: where somebody watches, what is read on the connection is tracked by the server from before the first reading
//! to its end, and the watch hears of changes in the order in which the server told them.

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
use portico_session::{LEASE, Watch};
use tokio::{
    select,
    sync::broadcast::{
        Receiver,
        error::{RecvError, TryRecvError},
    },
    time::sleep,
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use super::{Settings, Unopened, error::refused, keys};

/// How often the server is asked whether it is there. Several answers may be late before a watch's lease runs out.
const BEAT: Duration = LEASE.checked_div(4).expect("it is not by zero");
/// The first version that will do.
const OLDEST: u32 = 7;

/// What is asked on a connection, and whether it is still there.
#[derive(Clone)]
pub(super) struct Connection {
    pub(super) client: Client,
    pub(super) lost: CancellationToken,
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
    pub(super) async fn begin(settings: &Settings, is_watched: bool) -> Result<Self, Unopened> {
        let client = settings.client()?;
        let driver = AbortOnDropHandle::new(client.init().await.map_err(|error| refused(&error))?);
        let info: String = client.info(Some(InfoKind::Server)).await.map_err(|error| refused(&error))?;
        is_new_enough(&info)?;
        // A server that still loads its file answers nothing else.
        client.ping::<()>(None).await.map_err(|error| refused(&error))?;
        let changes = client.invalidation_rx();
        if is_watched {
            client.start_tracking((), false, false, false, false).await.map_err(|error| refused(&error))?;
        }
        Ok(Self { connection: Connection { client, lost: CancellationToken::new() }, changes, driver })
    }

    /// Passes on to `watch` what the server tells, until the connection is lost.
    pub(super) async fn live(&mut self, watch: Option<&Watch>) -> Reason {
        loop {
            if let Err(reason) = self.beat(watch).await {
                return reason;
            }
        }
    }

    /// Asks the server whether it is there, and lets some time pass.
    async fn beat(&mut self, watch: Option<&Watch>) -> Result<(), Reason> {
        let (asked, client) = (Instant::now(), self.connection.client.clone());
        self.hear_until(watch, client.ping::<()>(None)).await??;
        self.hear_all(watch); // whatever the server told before its answer has come before it, and waits
        if let Some(watch) = watch {
            watch.complete(asked);
        }
        self.hear_until(watch, sleep(BEAT.saturating_sub(asked.elapsed()))).await
    }

    /// Passes on what has come already.
    fn hear_all(&mut self, watch: Option<&Watch>) {
        loop {
            match self.changes.try_recv() {
                Ok(told) => hear(watch, &told),
                Err(TryRecvError::Lagged(_)) => watch.into_iter().for_each(Watch::lost),
                Err(TryRecvError::Empty | TryRecvError::Closed) => return,
            }
        }
    }

    /// Passes on what the server tells until `event` has happened.
    async fn hear_until<T>(&mut self, watch: Option<&Watch>, event: impl Future<Output = T>) -> Result<T, Reason> {
        let mut event = pin!(event);
        loop {
            select! {
                biased;
                told = self.changes.recv() => match told {
                    Ok(told) => hear(watch, &told),
                    Err(RecvError::Lagged(_)) => watch.into_iter().for_each(Watch::lost),
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

fn hear(watch: Option<&Watch>, told: &Invalidation) {
    let users = told.keys.iter().filter_map(|key| keys::user_of(key.as_str()?));
    users.for_each(|user| watch.into_iter().for_each(|watch| watch.changed(user)));
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
