//! Slow bodies, and whose turn it is while a body comes in.
//!
//! Invariant: time in which the server waits for the client counts against the client (408), and all other time against
//! the server (504).

use std::{cell::Cell, io, rc::Rc, time::Duration};

use actix_web::{
    HttpMessage as _, HttpRequest,
    dev::{Payload, ServiceRequest},
    error::PayloadError,
    web::{Bytes, Data},
};
use futures_util::{Stream, StreamExt as _, stream};
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until, timeout},
};

use crate::{
    connection::{Progress, progress_of},
    settings::Settings,
};

/// How long a body may come more slowly than the least rate, at its begin.
const GRACE: Duration = Duration::from_secs(5);

/// Bounds the pauses and the rate of the request's body, if it has one.
pub(super) fn watch_body(request: &mut ServiceRequest) {
    let payload = request.take_payload();
    if matches!(payload, Payload::None) {
        return;
    }
    let watch = BodyWatch::default();
    let settings = request.app_data::<Data<Settings>>().expect("the gateway gives every application its settings");
    let deadlines = &settings.http.deadlines;
    let pace =
        Pace { idle: Duration::from_millis(deadlines.body_idle_ms), min_bytes_per_s: deadlines.body_min_bytes_per_s };
    let paced = paced(payload, pace, watch.clone(), progress_of(request));
    request.set_payload(Payload::Stream { payload: Box::pin(paced) });
    request.extensions_mut().insert(watch);
}

/// How slow a body may be.
#[derive(Debug, Clone, Copy)]
struct Pace {
    idle: Duration,
    min_bytes_per_s: u64,
}

struct Pacing<S> {
    body: S,
    pace: Pace,
    watch: BodyWatch,
    received: u64,
    waited: Duration,
    connection: Option<Rc<Progress>>,
}

/// The same body, ended by an error when its client is too slow. The time until the server asks for more is not counted.
fn paced<S>(
    body: S,
    pace: Pace,
    watch: BodyWatch,
    connection: Option<Rc<Progress>>,
) -> impl Stream<Item = Result<Bytes, PayloadError>>
where
    S: Stream<Item = Result<Bytes, PayloadError>> + Unpin,
{
    let pacing = Pacing { body, pace, watch, received: 0, waited: Duration::ZERO, connection };
    stream::unfold(Some(pacing), |pacing| async move {
        let mut pacing = pacing?;
        let asked = Instant::now();
        pacing.watch.clients_turn();
        let chunk = timeout(pacing.pace.idle, pacing.body.next()).await;
        pacing.watch.servers_turn();
        pacing.waited += asked.elapsed();
        match chunk {
            Ok(None) => {
                pacing.connection.iter().for_each(|connection| connection.body_ended());
                None
            }
            Ok(Some(Ok(chunk))) => {
                pacing.received += chunk.len() as u64;
                if pacing.is_too_slow() { Some((Err(too_slow()), None)) } else { Some((Ok(chunk), Some(pacing))) }
            }
            Ok(Some(Err(error))) => Some((Err(error), None)),
            Err(_) => Some((Err(too_slow()), None)),
        }
    })
}

impl<S> Pacing<S> {
    fn is_too_slow(&self) -> bool {
        let expected = self.waited.as_secs().saturating_mul(self.pace.min_bytes_per_s);
        self.waited > GRACE && self.received < expected
    }
}

fn too_slow() -> PayloadError {
    PayloadError::Io(io::Error::from(io::ErrorKind::TimedOut))
}

/// Whose turn it is: the client's while the server waits for more of the body, else the server's.
#[derive(Debug, Clone)]
pub(crate) struct BodyWatch(Rc<Turn>);

#[derive(Debug)]
struct Turn {
    /// Since when the server works; none while it waits for the client.
    server_since: Cell<Option<Instant>>,
    changed: Notify,
}

impl Default for BodyWatch {
    fn default() -> Self {
        Self(Rc::new(Turn { server_since: Cell::new(Some(Instant::now())), changed: Notify::new() }))
    }
}

impl BodyWatch {
    /// The watch over the body of `request`; over none, if it has none, from now on.
    pub(crate) fn of(request: &HttpRequest) -> Self {
        request.extensions().get::<Self>().cloned().unwrap_or_default()
    }

    /// Resolves when the server has worked for `limit` without asking for more of the body: past the body's last byte,
    /// that is the request's deadline.
    pub(crate) async fn overdue(&self, limit: Duration) {
        loop {
            let changed = self.0.changed.notified();
            match self.0.server_since.get() {
                None => changed.await,
                Some(since) => tokio::select! {
                    () = sleep_until(since + limit) => {
                        if self.0.server_since.get() == Some(since) {
                            return;
                        }
                    }
                    () = changed => {}
                },
            }
        }
    }

    fn clients_turn(&self) {
        self.0.server_since.set(None);
        self.0.changed.notify_waiters();
    }

    fn servers_turn(&self) {
        self.0.server_since.set(Some(Instant::now()));
        self.0.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    const PACE: Pace = Pace { idle: Duration::from_secs(10), min_bytes_per_s: 1024 };

    /// A body of chunks of `size` bytes, one each `every`, without end.
    fn body(size: usize, every: Duration) -> impl Stream<Item = Result<Bytes, PayloadError>> + Unpin {
        Box::pin(stream::unfold((), move |()| async move {
            tokio::time::sleep(every).await;
            Some((Ok(Bytes::from(vec![0; size])), ()))
        }))
    }

    fn is_timeout(chunk: Option<Result<Bytes, PayloadError>>) -> bool {
        matches!(chunk, Some(Err(PayloadError::Io(error))) if error.kind() == io::ErrorKind::TimedOut)
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_pauses_is_cut_off() {
        let mut paced = Box::pin(paced(body(1_000_000, Duration::from_secs(11)), PACE, BodyWatch::default(), None));

        assert!(is_timeout(paced.next().await));
        assert!(paced.next().await.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_trickles_is_cut_off_after_the_grace() {
        let mut paced = Box::pin(paced(body(1, Duration::from_secs(1)), PACE, BodyWatch::default(), None));

        let mut whole = 0;
        while let Some(Ok(_)) = paced.next().await {
            whole += 1;
        }

        assert_eq!(whole, 5);
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_takes_its_time_is_not_the_clients_fault() {
        let mut paced = Box::pin(paced(body(1024, Duration::from_millis(500)), PACE, BodyWatch::default(), None));

        for _ in 0..20 {
            tokio::time::advance(Duration::from_mins(1)).await;
            assert!(paced.next().await.is_some_and(|chunk| chunk.is_ok()));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_deadline_runs_in_the_servers_turn_only() {
        let watch = BodyWatch::default();
        watch.clients_turn();
        tokio::time::advance(Duration::from_hours(1)).await;
        assert!(watch.overdue(Duration::from_secs(10)).now_or_never().is_none());

        watch.servers_turn();
        let since = Instant::now();
        watch.overdue(Duration::from_secs(10)).await;

        assert_eq!(since.elapsed().as_secs(), 10);
    }
}
