//! The stream of a connection: it cuts off what does not get on, and tells whoever was cut off before there was a request.

use std::{
    io,
    mem::MaybeUninit,
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use actix_tls::accept::rustls_0_23::TlsStream;
use actix_web::{rt::net::TcpStream, web::Bytes};
use bytes::Buf as _;
use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep_until},
};

use super::{AT_ONCE, BODY_AT_ONCE, DISCONNECT, Observer, Patience, Progress, Work, own};

/// A stream over TCP.
pub(super) trait OverTcp {
    /// What it is over.
    fn tcp(&self) -> &TcpStream;
}

impl OverTcp for TcpStream {
    fn tcp(&self) -> &TcpStream {
        self
    }
}

impl OverTcp for TlsStream<TcpStream> {
    fn tcp(&self) -> &TcpStream {
        self.get_ref().0
    }
}

/// A connection's stream.
pub(crate) struct Watched<S> {
    stream: S,
    progress: Rc<Progress>,
    patience: Patience,
    observer: Arc<Observer>,
    timer: Pin<Box<Sleep>>,
    /// The HTTP library was given the time to find a request in what it has.
    paused: bool,
    /// What is written in the place of an answer of the library's own, as far as it is not written yet.
    own: Option<Bytes>,
    held_up: Option<HeldUp>,
    /// There may be more to read than was handed over at once.
    is_more: bool,
    /// How much of a body was handed over since the library had the time to pass it on.
    body_bytes: usize,
    /// It is being closed, after what was told before there was a request.
    lingers: bool,
}

impl<S: OverTcp> Watched<S> {
    /// Watches over `stream`, which was just accepted.
    pub(crate) fn new(stream: S, patience: Patience, work: &Work, observer: &Arc<Observer>) -> Self {
        let timer = Box::pin(sleep_until(Instant::now() + patience.head));
        Self {
            stream,
            progress: Rc::new(Progress::new(work)),
            patience,
            observer: Arc::clone(observer),
            timer,
            paused: false,
            own: None,
            held_up: None,
            is_more: false,
            body_bytes: 0,
            lingers: false,
        }
    }

    /// What requests tell the stream by.
    pub(crate) fn progress(&self) -> Rc<Progress> {
        Rc::clone(&self.progress)
    }

    /// Resolves when the client's time is over. In the server's turn it looks again from time to time, since nobody wakes
    /// it at the turn's end; else the timer is moved only when it would come too late, so that a request costs none.
    fn poll_overdue(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        self.poll_overdue_at(cx, Instant::now())
    }

    /// The same where `now` is known.
    fn poll_overdue_at(&mut self, cx: &mut Context<'_>, mut now: Instant) -> Poll<io::Error> {
        loop {
            let due = self.progress.due(self.patience);
            if due.is_some_and(|due| due <= now) {
                if self.progress.is_blocked(self.patience) {
                    self.observer.cut_off();
                    self.forget_unsent();
                }
                return Poll::Ready(io::ErrorKind::TimedOut.into());
            }
            let next = due.unwrap_or(now + self.patience.head);
            if self.timer.is_elapsed() || next < self.timer.deadline() {
                self.timer.as_mut().reset(next);
            }
            ready!(self.timer.as_mut().poll(cx));
            now = Instant::now();
        }
    }

    /// Has the kernel reset the connection when it is dropped: else it would go on sending what it has, to a client that
    /// takes none of it. It is of no account if that fails.
    fn forget_unsent(&self) {
        let _best_effort = SockRef::from(self.stream.tcp()).set_linger(Some(Duration::ZERO));
    }
}

impl<S: AsyncRead + AsyncWrite + OverTcp + Unpin> Watched<S> {
    /// No more is read ahead of a request. That is told and ends the connection, unless something is still on its way to
    /// the client, whose time then runs out.
    fn poll_too_large(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !std::mem::replace(&mut self.paused, true) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if self.progress.answering.get() {
            self.progress.paused.replace(Some(cx.waker().clone()));
            return self.poll_overdue(cx).map(Err);
        }
        self.refuse(431);
        self.poll_end(cx)
    }

    /// The client's time is over. If a head is all that it owes, it is told so.
    fn poll_too_late(&mut self, cx: &mut Context<'_>, error: io::Error) -> Poll<io::Result<()>> {
        if self.progress.owes_head(self.patience) && self.refuse(408) {
            return self.poll_end(cx);
        }
        Poll::Ready(Err(error))
    }

    /// Has a problem of this status written, in the place of whatever the library would write.
    fn refuse(&mut self, status: u16) -> bool {
        let Patience { head_max_bytes, is_https, .. } = self.patience;
        let Some(problem) = own::problem(status, self.progress.ahead_bytes.get(), head_max_bytes) else {
            return false;
        };
        let waited = self.progress.since.get().elapsed();
        let note = |status, id: &str| self.observer.refused(problem.code(), status, id, waited);
        self.own = Some(own::answer(&problem, is_https, note).into());
        true
    }

    /// What the HTTP library takes for the end of all that the client sends, once what is told in its place is written.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_own(cx).map(|_| Ok(()))
    }

    /// Whether something of a request was sent that will not be served, read or not. Behind the last answer it is not to be.
    fn was_asked_in_vain(&self) -> bool {
        let is_unread =
            || SockRef::from(self.stream.tcp()).peek(&mut [MaybeUninit::uninit()]).is_ok_and(|bytes| bytes > 0);
        let progress = &self.progress;
        progress.is_between_requests(self.patience) && !progress.last.get() && (progress.heard.get() || is_unread())
    }

    /// Writes what is left of it.
    fn poll_own(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(mut own) = self.own.clone().filter(|own| !own.is_empty()) {
            let written = ready!(self.poll_paced(cx, &own))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            own.advance(written);
            self.own = Some(own);
        }
        Poll::Ready(Ok(()))
    }

    /// Writes, as long as the client takes enough of it.
    fn poll_paced(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let Poll::Ready(written) = Pin::new(&mut self.stream).poll_write(cx, buf) else {
            self.progress.lag.block();
            return self.poll_overdue(cx).map(Err);
        };
        if let Ok(bytes) = &written {
            self.progress.lag.take(*bytes, self.patience.answer);
        }
        self.progress.note_turn();
        Poll::Ready(written)
    }

    /// Reads and throws away what the client still sends, for a while: else its kernel would discard the answer.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !std::mem::replace(&mut self.lingers, true) {
            self.timer.as_mut().reset(Instant::now() + DISCONNECT);
        }
        let mut room = [0; 4096];
        loop {
            let mut thrown_away = ReadBuf::new(&mut room);
            let is_over = self.timer.as_mut().poll(cx).is_ready();
            let read =
                if is_over { Ok(()) } else { ready!(Pin::new(&mut self.stream).poll_read(cx, &mut thrown_away)) };
            if read.is_err() || thrown_away.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
        }
    }

    /// Finds the library's own answer at the end of what it writes. It is kept from going on at first: it would log the
    /// client's error as the server's; and having ended the connection it reads no more until it writes again, which tells
    /// its answer from content that looks like one. So it is at the last write of a node that stops, since the library drops
    /// the answer to something malformed behind that, and logs it all the same.
    fn poll_refusal(&mut self, cx: &Context<'_>, buf: &[u8]) -> Poll<Option<usize>> {
        let found = own::refusal_at(buf);
        let is_last = || self.observer.is_draining() && self.progress.owed.get() == 0;
        match (found, self.held_up) {
            (None, None) if !is_last() => Poll::Ready(None),
            (_, None) => {
                self.held_up = Some(HeldUp { has_read: false });
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            (Some(at), Some(HeldUp { has_read: false })) => Poll::Ready(Some(at)),
            (_, Some(_)) => Poll::Ready(None),
        }
    }
}

/// The library was kept from writing.
#[derive(Clone, Copy)]
struct HeldUp {
    /// It has read since.
    has_read: bool,
}

impl<S: AsyncRead + AsyncWrite + OverTcp + Unpin> AsyncRead for Watched<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.own.is_some() {
            return self.poll_end(cx);
        }
        if self.progress.is_ahead(self.patience) {
            return self.poll_too_large(cx);
        }
        self.paused = false;
        self.held_up = self.held_up.map(|_| HeldUp { has_read: true });
        if std::mem::take(&mut self.is_more) {
            cx.waker().wake_by_ref(); // what is there becomes requests, or goes on its way, first
            self.body_bytes = 0;
            return Poll::Pending;
        }
        let before = buf.filled().len();
        let read = if self.progress.unread.get() {
            let read = Pin::new(&mut self.stream).poll_read(cx, buf);
            self.body_bytes += buf.filled().len() - before;
            self.is_more = self.body_bytes >= BODY_AT_ONCE;
            read
        } else {
            let mut part = ReadBuf::new(buf.initialize_unfilled_to(buf.remaining().min(AT_ONCE)));
            let read = Pin::new(&mut self.stream).poll_read(cx, &mut part);
            self.is_more = part.remaining() == 0;
            let length = part.filled().len();
            buf.advance(length);
            read
        };
        let now = Instant::now();
        if read.is_ready() && buf.filled().len() > before {
            self.progress.note_read(buf.filled().len() - before, now);
        }
        let is_late = self.progress.due(self.patience).is_some_and(|due| due <= now);
        if read.is_ready() && !is_late {
            return read;
        }
        let error = ready!(self.poll_overdue_at(cx, now));
        buf.set_filled(before); // what came too late is not served
        self.poll_too_late(cx, error)
    }
}

impl<S: AsyncRead + AsyncWrite + OverTcp + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if self.own.is_some() {
            return Poll::Ready(Ok(buf.len())); // the problem is told in its place
        }
        let refusal = ready!(self.poll_refusal(cx, buf));
        if refusal == Some(0) && own::status(buf).is_some_and(|status| self.refuse(status)) {
            return Poll::Ready(Ok(buf.len())); // and `poll_flush` writes it
        }
        let before = refusal.filter(|at| *at > 0).unwrap_or(buf.len());
        let written = self.poll_paced(cx, &buf[..before]);
        if refusal.is_none() && written.is_ready() {
            self.held_up = None;
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_own(cx))?;
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        if flushed.is_ready() && self.progress.owed.get() == 0 {
            self.progress.answering.set(false);
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.own.is_none() && self.observer.is_draining() && self.was_asked_in_vain() {
            self.refuse(503);
        }
        ready!(self.poll_own(cx))?;
        ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
        if self.own.is_some() { self.poll_linger(cx) } else { Poll::Ready(Ok(())) }
    }
}
