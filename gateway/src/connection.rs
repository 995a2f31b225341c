//! Connections on which nothing gets on are cut off.
//!
//! The HTTP library bounds the time of silence between requests and, if asked to, that of a connection's first head. It does
//! not bound a later head that never becomes whole, nor what it reads and throws away of a body that nobody wants any more
//! (the rest of a refused request in chunks): either would hold a connection for ever at the price of a byte. Hence a
//! [`watched`] stream keeps time itself, and requests tell it, through their connection's [`Progress`], when it is the
//! server's turn.
//!
//! Invariant: while no request is served and nothing waits to be written, a client that is new, has begun to send, or still
//! owes a part of a body, has the configured time for a head until a request begins; one that is silent has the keep-alive
//! time, and a little more, so that the library closes such connections itself.
//!
//! The library holds up to 128 KiB of a head that is not whole. The stream hands it no more than twice what the
//! configuration allows: a crowd of such heads would cost memory before anybody could count it.
//!
//! A client that takes too little of what is sent to it is cut off as well ([`pace`]); the HTTP library has no such limit, and
//! does not even look at an answer's body while its write buffer is full.
//!
//! What is refused before it is a request gets a problem like any other ([`own`]).

mod observer;
mod own;
mod pace;
mod serve;
mod watched;
mod work;

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    task::Waker,
    time::Duration,
};

use actix_web::{
    HttpMessage as _,
    body::MessageBody as _,
    dev::{Payload, ServiceRequest},
    http::ConnectionType,
};
use tokio::time::Instant;

pub(crate) use observer::Observer;
pub(crate) use serve::Connections;
pub(crate) use work::Work;

use self::{
    pace::{Lag, LeastRate},
    work::{InFlight, OpenConnection},
};
use crate::{Problem, limits::refuse_counted, middleware::Answered, problem::Code, settings::Settings};

/// How long a connection that is being closed has to take what was sent to it.
const DISCONNECT: Duration = Duration::from_secs(1);
/// How much is read at once while no body is expected, and at the most beside a request that is in hand: the library makes
/// requests of all that it is handed, at some kilobytes each.
const AT_ONCE: usize = 2048;
/// About how much of a body is read before what is there goes on its way: all that is between client and disk is a few times
/// as much, for each of many uploads.
const BODY_AT_ONCE: usize = 64 * 1024;
/// What the HTTP library takes to close a silent connection by itself.
const GRACE: Duration = Duration::from_secs(2);

/// How long a client may take over how much, and what it is told otherwise.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// From the first byte, or on a new connection, until a request begins.
    head: Duration,
    /// Without a byte.
    silence: Duration,
    /// While something is to be written that it does not take.
    answer: LeastRate,
    /// The largest head; twice as much is read ahead of a request.
    head_max_bytes: usize,
    /// Browsers come over https.
    is_https: bool,
}

impl Patience {
    /// What the configuration says.
    pub(crate) fn new(http: &portico_config::Gateway) -> Self {
        let [head, keep_alive] = [http.deadlines.head_ms, http.deadlines.keep_alive_ms].map(Duration::from_millis);
        Self {
            head,
            silence: keep_alive + GRACE,
            answer: LeastRate::new(&http.deadlines),
            head_max_bytes: http.limits.header_max_bytes,
            is_https: http.is_https(),
        }
    }
}

/// Whose turn it is on a connection.
#[derive(Debug)]
pub(crate) struct Progress {
    /// How far the client is behind in taking what is to be written.
    lag: Lag,
    /// The client has sent something that is no request yet.
    heard: Cell<bool>,
    /// No request has begun so far.
    new: Cell<bool>,
    /// When that began, or the last thing was written or served.
    since: Cell<Instant>,
    /// A request has said that it is the last one.
    last: Cell<bool>,
    /// What has been read since the last request began, and belongs to none.
    ahead_bytes: Cell<usize>,
    /// The last request's body is not read to its end: what comes belongs to it.
    unread: Cell<bool>,
    /// Requests whose answers are not handed over: while there are some, it is the server's turn.
    owed: Cell<u32>,
    /// Something of the application's answers is owed, or not written yet.
    answering: Cell<bool>,
    /// Reading waits for what is in hand to end, or for another request to begin.
    paused: RefCell<Option<Waker>>,
    /// Counts it among the open ones.
    open: OpenConnection,
}

impl Progress {
    fn new(work: &Work) -> Self {
        let (lag, heard, last, ahead_bytes, unread, owed, answering) = Default::default();
        let paused = RefCell::default();
        let (new, since, open) = (Cell::new(true), Cell::new(Instant::now()), work.open());
        Self { lag, heard, new, since, last, ahead_bytes, unread, owed, answering, paused, open }
    }

    /// The body of the last request has been read to its end.
    pub(crate) fn body_ended(&self) {
        self.unread.set(false);
    }

    /// When the connection is to be cut off, as things stand; none in the server's turn.
    fn due(&self, patience: Patience) -> Option<Instant> {
        self.lag.due(patience.answer).or_else(|| {
            let is_awaited = self.heard.get() || self.new.get() || self.unread.get();
            let clients_turn = self.owed.get() == 0;
            clients_turn.then(|| self.since.get() + if is_awaited { patience.head } else { patience.silence })
        })
    }

    /// Whether nothing is open but, perhaps, a head.
    fn is_between_requests(&self, patience: Patience) -> bool {
        let is_served = self.owed.get() == 0 && !self.answering.get() && !self.is_blocked(patience);
        is_served && !self.unread.get()
    }

    /// Whether all that is open is a head that does not become whole, or does not begin on a new connection.
    fn owes_head(&self, patience: Patience) -> bool {
        self.is_between_requests(patience) && (self.heard.get() || self.new.get())
    }

    /// Whether the client is to take something before anything else.
    fn is_blocked(&self, patience: Patience) -> bool {
        self.lag.due(patience.answer).is_some()
    }

    fn note_read(&self, bytes: usize, now: Instant) {
        if self.owed.get() == 0 && !self.heard.replace(true) {
            self.since.set(now);
        }
        if !self.unread.get() {
            self.ahead_bytes.update(|ahead| ahead.saturating_add(bytes));
        }
    }

    /// Whether more than a head is waiting to become one.
    fn is_ahead(&self, patience: Patience) -> bool {
        let most = if self.owed.get() == 0 { patience.head_max_bytes.saturating_mul(2) } else { AT_ONCE };
        self.ahead_bytes.get() >= most
    }

    /// Reading may go on.
    fn resume(&self) {
        if let Some(paused) = self.paused.take() {
            paused.wake();
        }
    }

    /// A request has begun, with a body to come or without.
    fn begin(&self, has_body: bool) {
        self.ahead_bytes.set(0);
        self.unread.set(has_body);
        self.answering.set(true);
        self.new.set(false);
        self.resume();
    }

    /// The server has got on: with an answer, or with a part of one.
    fn note_turn(&self) {
        self.heard.set(false);
        self.since.set(Instant::now());
    }
}

/// Tells the connection that it is the server's turn while the request is served. A request behind one that said to be the
/// last one of its connection is not carried out (RFC 9112, section 9.6).
pub(crate) async fn accompany(
    mut request: ServiceRequest,
    within: impl AsyncFnOnce(ServiceRequest) -> Answered,
) -> Answered {
    let Some(progress) = progress_of(&request) else {
        return within(request).await;
    };
    let in_flight = InFlight::begin(&progress);
    let payload = request.take_payload();
    progress.begin(!matches!(payload, Payload::None));
    request.set_payload(payload);
    let is_last = request.head().connection_type() == ConnectionType::Close;
    if progress.last.replace(is_last) {
        progress.last.set(true);
        let problem = Problem::new(Code::MalformedRequest).detail("connection was to end with the request before");
        let mut answer = refuse_counted(request, &problem);
        answer.response_mut().head_mut().set_connection_type(ConnectionType::Close);
        return Ok(answer);
    }
    let mut answer = within(request).await?.map_body(|_, body| in_flight.until_taken(body.boxed()));
    let is_draining = Settings::of(answer.request()).is_draining();
    let head = answer.response_mut().head_mut();
    if progress.unread.get() || is_draining {
        head.set_connection_type(ConnectionType::Close);
    }
    if is_last || head.connection_type() == ConnectionType::Close {
        progress.last.set(true);
    }
    Ok(answer)
}

/// The progress of the connection that `request` came on.
pub(crate) fn progress_of(request: &ServiceRequest) -> Option<Rc<Progress>> {
    request.request().conn_data::<Rc<Progress>>().cloned()
}
