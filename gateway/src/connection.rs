//! Connections on which nothing gets on are cut off.
//!
//! The HTTP library bounds the time of a connection's first head, and that of silence between requests. It does not bound
//! a later head that never becomes whole, nor what it reads and throws away of a body that nobody wants any more (the rest
//! of a refused request in chunks): either would hold a connection for ever at the price of a byte. Hence a [`Watched`]
//! stream keeps time itself, and requests tell it, through their connection's [`Progress`], when it is the server's turn.
//!
//! Invariant: while no request is served and nothing waits to be written, a client that has begun to send, or still owes
//! a part of a body, has the configured time for a head until a request begins, and one that is silent has the keep-alive
//! time; a little more of each, so that the library's own answers come first.
//!
//! The library holds up to 128 KiB of a head that is not whole. The stream hands it no more than twice what the
//! configuration allows: a crowd of such heads would cost memory before anybody could count it.

mod serve;
mod work;

use std::{
    cell::Cell,
    io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
    time::Duration,
};

use actix_web::{
    Error, HttpMessage as _,
    body::{BoxBody, MessageBody},
    dev::{Payload, ServiceRequest, ServiceResponse},
    http::ConnectionType,
    middleware::Next,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep_until},
};

pub(crate) use serve::Connections;
pub(crate) use work::Work;

use self::work::OpenConnection;
use crate::{Problem, middleware::refuse, problem::Code};

/// What the HTTP library takes to answer 408 and to close by itself.
const GRACE: Duration = Duration::from_secs(2);

/// How long a client may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// From the first byte until a request begins.
    head: Duration,
    /// Without a byte.
    silence: Duration,
    /// The most bytes that are read ahead of a request.
    ahead_max: usize,
}

impl Patience {
    /// What the configuration says.
    pub(crate) fn new(http: &portico_config::Gateway) -> Self {
        let allow = |milliseconds| Duration::from_millis(milliseconds) + GRACE;
        let ahead_max = http.limits.header_max_bytes.saturating_mul(2);
        Self { head: allow(http.deadlines.head_ms), silence: allow(http.deadlines.keep_alive_ms), ahead_max }
    }
}

/// Whose turn it is on a connection.
#[derive(Debug)]
pub(crate) struct Progress {
    /// Requests that are being served.
    serving: Cell<u32>,
    /// Something is to be written that the client does not take: `listener` bounds that.
    blocked: Cell<bool>,
    /// The client has sent something that is no request yet.
    heard: Cell<bool>,
    /// When that began, or the last thing was written or served.
    since: Cell<Instant>,
    /// A request has said that it is the last one.
    last: Cell<bool>,
    /// What has been read since the last request began, and belongs to none.
    ahead_bytes: Cell<usize>,
    /// The last request's body is not read to its end: what comes belongs to it.
    unread: Cell<bool>,
    /// No request has begun yet.
    fresh: Cell<bool>,
    /// Counts it among the open ones.
    open: OpenConnection,
}

impl Progress {
    fn new(work: &Work) -> Self {
        let (serving, blocked, heard, last, ahead_bytes, unread) = Default::default();
        let (since, fresh, open) = (Cell::new(Instant::now()), Cell::new(true), work.open());
        Self { serving, blocked, heard, since, last, ahead_bytes, unread, fresh, open }
    }

    /// The body of the last request has been read to its end.
    pub(crate) fn body_ended(&self) {
        self.unread.set(false);
    }

    /// When the connection is to be cut off, as things stand; none in the server's turn.
    fn due(&self, patience: Patience) -> Option<Instant> {
        let clients_turn = self.serving.get() == 0 && !self.blocked.get();
        let is_awaited = self.heard.get() || self.unread.get();
        clients_turn.then(|| self.since.get() + if is_awaited { patience.head } else { patience.silence })
    }

    fn note_read(&self, bytes: usize) {
        if self.serving.get() > 0 {
            return;
        }
        if !self.heard.replace(true) {
            self.since.set(Instant::now());
        }
        if !self.unread.get() {
            self.ahead_bytes.update(|ahead| ahead.saturating_add(bytes));
        }
    }

    /// Whether more than a head is waiting to become one.
    fn is_ahead(&self, patience: Patience) -> bool {
        self.serving.get() == 0 && self.ahead_bytes.get() >= patience.ahead_max
    }

    /// The server has got on: with an answer, or with a part of one.
    fn note_turn(&self) {
        self.heard.set(false);
        self.since.set(Instant::now());
    }
}

/// A request that is being served.
struct Serving(Rc<Progress>);

impl Serving {
    fn begin(progress: &Rc<Progress>, has_body: bool) -> Self {
        progress.serving.update(|serving| serving + 1);
        progress.ahead_bytes.set(0);
        progress.unread.set(has_body);
        progress.fresh.set(false);
        Self(Rc::clone(progress))
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.serving.update(|serving| serving - 1);
        self.0.note_turn();
    }
}

/// Tells the connection that it is the server's turn while the request is served. A request behind one that said to be the
/// last one of its connection is not carried out (RFC 9112, section 9.6).
pub(crate) async fn accompany<B: MessageBody + 'static>(
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let Some(progress) = progress_of(&request) else {
        return Ok(next.call(request).await?.map_into_boxed_body());
    };
    let in_flight = progress.open.work().begin();
    let payload = request.take_payload();
    let _serving = Serving::begin(&progress, !matches!(payload, Payload::None));
    request.set_payload(payload);
    let is_last = request.head().connection_type() == ConnectionType::Close;
    if progress.last.replace(is_last) {
        progress.last.set(true);
        let problem = Problem::new(Code::MalformedRequest).detail("connection was to end with the request before");
        let mut answer = refuse(request, &problem);
        answer.response_mut().head_mut().set_connection_type(ConnectionType::Close);
        return Ok(answer);
    }
    Ok(next.call(request).await?.map_body(|_, body| in_flight.until_taken(body.boxed())))
}

/// The progress of the connection that `request` came on.
pub(crate) fn progress_of(request: &ServiceRequest) -> Option<Rc<Progress>> {
    request.request().conn_data::<Rc<Progress>>().cloned()
}

/// A connection's stream.
pub(crate) struct Watched<S> {
    stream: S,
    progress: Rc<Progress>,
    patience: Patience,
    timer: Pin<Box<Sleep>>,
    /// The HTTP library was given the time to find a request in what it has.
    paused: bool,
}

impl<S> Watched<S> {
    /// Watches over `stream`, which was just accepted.
    pub(crate) fn new(stream: S, patience: Patience, work: &Work) -> Self {
        let timer = Box::pin(sleep_until(Instant::now() + patience.head));
        Self { stream, progress: Rc::new(Progress::new(work)), patience, timer, paused: false }
    }

    /// What requests tell the stream by.
    pub(crate) fn progress(&self) -> Rc<Progress> {
        Rc::clone(&self.progress)
    }

    /// Resolves when the client's time is over. In the server's turn it looks again from time to time, since nobody wakes
    /// it at the turn's end; else the timer is moved only when it would come too late, so that a request costs none.
    fn poll_overdue(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        loop {
            let now = Instant::now();
            let due = self.progress.due(self.patience);
            if due.is_some_and(|due| due <= now) {
                return Poll::Ready(io::ErrorKind::TimedOut.into());
            }
            let next = due.unwrap_or(now + self.patience.head);
            if self.timer.is_elapsed() || next < self.timer.deadline() {
                self.timer.as_mut().reset(next);
            }
            ready!(self.timer.as_mut().poll(cx));
        }
    }
}

impl<S: AsyncWrite + Unpin> Watched<S> {
    /// No more is read ahead of a request. On a connection that has had none yet, that is told and ends it; else something
    /// may still be on its way to the client, and its time runs out.
    fn poll_too_large(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        const TOO_LARGE: &[u8] =
            b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        if !std::mem::replace(&mut self.paused, true) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if !self.progress.fresh.replace(false) {
            return self.poll_overdue(cx).map(Err);
        }
        // The socket's own buffer is empty, so that this is written at once, or to nobody.
        let _written = Pin::new(&mut self.stream).poll_write(cx, TOO_LARGE);
        let _flushed = Pin::new(&mut self.stream).poll_flush(cx);
        Poll::Ready(Ok(())) // the end, for the HTTP library
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Watched<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.progress.is_ahead(self.patience) {
            return self.poll_too_large(cx);
        }
        self.paused = false;
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if read.is_ready() && buf.filled().len() > before {
            self.progress.note_read(buf.filled().len() - before);
        }
        let is_late = self.progress.due(self.patience).is_some_and(|due| due <= Instant::now());
        match read {
            Poll::Ready(_) if is_late => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Ready(read) => Poll::Ready(read),
            Poll::Pending => self.poll_overdue(cx).map(Err),
        }
    }
}

impl<S: AsyncWrite + Unpin> Watched<S> {
    fn noted(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        self.progress.blocked.set(written.is_pending());
        if written.is_ready() {
            self.progress.note_turn();
        }
        written
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.noted(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.noted(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
