//! One node.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use portico_kernel::{AskError, Deadline, Span, SpanKind, TraceContext};
use tokio::{
    runtime::Handle,
    time::{Instant, error::Elapsed, timeout_at},
};
use tonic::{Code, Request, Status, metadata::MetadataValue};

use super::{
    Settings,
    call::Call,
    link::{Link, Unsent},
    outcome::{self, Answered, Seen},
    standing::Standing,
};
use crate::grpc::span;

/// A call that misses its deadline tells something of the node when it had at least this long.
const TELLING: Duration = Duration::from_millis(250);

/// What is known of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerState {
    /// Where it is.
    pub address: SocketAddr,
    /// Whether it is asked: it is not ejected.
    pub healthy: bool,
    /// Calls that it has not answered yet.
    pub in_flight: usize,
    /// Calls that failed since it is known: unanswered, or refused because it was away; and connections that were not made.
    pub failures: u64,
    /// How often it was ejected.
    pub ejections: u64,
}

/// A node, with one connection at a time.
pub(in crate::grpc) struct Peer {
    address: SocketAddr,
    link: Link,
    pub(super) in_flight: AtomicUsize,
    /// Those in flight that content goes with.
    carrying: AtomicUsize,
    standing: Arc<Mutex<Standing>>,
}

/// Counts as in flight until it is dropped.
pub(in crate::grpc) struct InFlight {
    peer: Arc<Peer>,
    carries: bool,
}

impl InFlight {
    /// Whose answer it is.
    pub(super) fn peer(&self) -> Arc<Peer> {
        Arc::clone(&self.peer)
    }

    /// Notes that the node sends no more of what it had begun to send.
    pub(super) fn lost(&self, reason: &str) {
        self.peer.failed(reason);
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.peer.in_flight.fetch_sub(1, Ordering::Relaxed);
        if self.carries {
            self.peer.carrying.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Peer {
    /// The node at `address`, which `name` led to. Its connections run on `runtime`.
    pub(super) fn new(address: SocketAddr, name: &str, settings: Arc<Settings>, runtime: Handle) -> Self {
        let standing = Arc::new(Mutex::new(Standing::new(Instant::now())));
        let link = Link::new(address, name, settings, runtime, Arc::clone(&standing));
        Self { address, link, in_flight: AtomicUsize::new(0), carrying: AtomicUsize::new(0), standing }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn is_healthy(&self, now: Instant) -> bool {
        self.standing().is_healthy(self.in_flight.load(Ordering::Relaxed), now)
    }

    /// Whether there is a connection, or one can be made.
    pub(super) async fn is_reachable(&self) -> bool {
        self.link.connection().await.is_ok()
    }

    pub(super) fn state(&self, now: Instant) -> PeerState {
        let (standing, in_flight) = (self.standing(), self.in_flight.load(Ordering::Relaxed));
        PeerState {
            address: self.address,
            healthy: standing.is_healthy(0, now),
            in_flight,
            failures: standing.failures,
            ejections: standing.ejections,
        }
    }

    /// Room for one more call, if there is. Those that content goes with last as long as clients take, and get half of it at
    /// most: slow clients keep no others away.
    pub(super) fn enter(self: &Arc<Self>, in_flight_max: usize, carries: bool) -> Option<InFlight> {
        let entered = InFlight { peer: Arc::clone(self), carries };
        let has_room = self.in_flight.fetch_add(1, Ordering::Relaxed) < in_flight_max;
        let may_carry = !carries || self.carrying.fetch_add(1, Ordering::Relaxed) < in_flight_max.div_ceil(2);
        (has_room && may_carry).then_some(entered)
    }

    /// Has the node answer. A connection that turns out to have been closed meanwhile is made anew once.
    pub(super) async fn ask<C: Call>(
        &self,
        call: &mut C,
        deadline: Deadline,
        trace: Option<TraceContext>,
    ) -> Answered<C> {
        let is_old = self.link.is_open();
        let first = self.ask_once(call, deadline, trace).await;
        match first {
            Err(Failed::Closed) if is_old && call.rewind() => self.ask_once(call, deadline, trace).await,
            answered => answered,
        }
        .unwrap_or_else(|failed| {
            if let Failed::Closed = failed {
                self.failed("it closes connections");
            }
            Err(failed.into())
        })
    }

    async fn ask_once<C: Call>(
        &self,
        call: &mut C,
        deadline: Deadline,
        trace: Option<TraceContext>,
    ) -> Result<Answered<C>, Failed> {
        let connection = timeout_at(deadline.instant(), self.link.connection()).await;
        let Ok(Ok(connection)) = connection else { return Err(Failed::Unreachable) };
        let begun = Instant::now();
        let is_telling = || is_telling::<C>(begun, deadline);
        let span = trace.and_then(|trace| self.span::<C>(trace));
        let trace = span.as_ref().map(Span::context).or(trace);
        let returned = timeout_at(deadline.instant(), call.make(connection.client(), head(deadline, trace))).await;
        span::end(span, C::PATH, code(&returned));
        let Ok(returned) = returned else {
            if is_telling() {
                self.failed("it does not answer in time");
            }
            return Err(Failed::Late);
        };
        match returned.as_ref().err().and_then(outcome::unsent) {
            Some(Unsent::Closed(_)) => {
                self.link.lose(&connection);
                Err(Failed::Closed)
            }
            Some(Unsent::Refused(_)) => {
                self.failed("it refuses streams");
                Err(Failed::Refused)
            }
            None => {
                let (answered, seen) = outcome::read::<C>(returned);
                match seen {
                    Seen::Alive => self.standing().answered(Instant::now()),
                    Seen::Away(reason) => self.failed(reason),
                    Seen::Silent if is_telling() => self.failed("the call was lost on its way"),
                    Seen::Silent => {}
                }
                Ok(answered)
            }
        }
    }

    /// A call of this node, as a part of `caller`'s work.
    fn span<C: Call>(&self, caller: TraceContext) -> Option<Span> {
        let mut span = Span::within(caller, SpanKind::Client, || span::name(C::PATH))?;
        span.set("server.address", self.address.ip().to_string());
        span.set("server.port", self.address.port());
        Some(span)
    }

    /// Notes a failure. A connection that ejects its node is not used again: it may be what is broken.
    fn failed(&self, reason: &str) {
        if self.standing().failed(Instant::now()) {
            self.link.forget();
            tracing::warn!(peer.address = %self.address, reason, "another node is not asked for a while");
        }
    }

    fn standing(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a failure tells something of the node, and not of a deadline that was too near.
fn is_telling<C: Call>(begun: Instant, deadline: Deadline) -> bool {
    !deadline.has_passed() || (C::IS_PROMPT && begun.elapsed() >= TELLING)
}

/// Why a call brought no answer.
enum Failed {
    /// No connection was made.
    Unreachable,
    /// The connection was closed before the call was sent or heeded.
    Closed,
    /// The node took no more calls on the connection.
    Refused,
    /// No answer came by the deadline.
    Late,
}

impl From<Failed> for AskError {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Unreachable | Failed::Closed | Failed::Refused => Self::Unavailable,
            Failed::Late => Self::Late,
        }
    }
}

/// What goes with every call.
fn head(deadline: Deadline, trace: Option<TraceContext>) -> Request<()> {
    let mut head = Request::new(());
    head.set_timeout(deadline.remaining());
    if let Some(trace) = trace {
        let traceparent = MetadataValue::try_from(&*trace.traceparent());
        head.metadata_mut().insert("traceparent", traceparent.expect("a traceparent is ASCII"));
    }
    head
}

/// The code of what came of a call.
fn code<T>(returned: &Result<Result<T, Status>, Elapsed>) -> Code {
    match returned {
        Ok(answer) => answer.as_ref().map_or_else(Status::code, |_| Code::Ok),
        Err(_elapsed) => Code::DeadlineExceeded,
    }
}
