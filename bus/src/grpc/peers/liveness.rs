//! The stream of a connection to a node, which tells what is heard of the other side.
//!
//! Invariant: one that is greeted as by an HTTP/2 server says so once. One on which nothing is heard for [`SILENCE_MAX`] fails, so
//! that a node that hangs, or a way that is cut without a word, is noticed long before the deadlines of the calls that wait for it.
//! What is slow is heard all the while: pings alone would not tell it from what is dead, since their answers wait in line.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::oneshot,
    time::{Instant, Sleep, sleep},
};

/// How long a node may say nothing, although it is asked every now and then whether it is there.
const SILENCE_MAX: Duration = Duration::from_millis(2500);

/// Where the type stands in the head of a frame (RFC 9113, section 4.1), and that of a SETTINGS frame.
const TYPE_AT: usize = 3;
const SETTINGS: u8 = 4;

/// A stream that tells when the other side has begun its first frame as it must, and fails when it says nothing any more.
pub(super) struct LiveStream<S> {
    stream: S,
    seen: usize,
    greeting: Option<oneshot::Sender<()>>,
    latest: Instant,
    silence: Pin<Box<Sleep>>,
}

impl<S> LiveStream<S> {
    /// Listens to the other side of `stream`, and resolves when it greets.
    pub(super) fn new(stream: S) -> (Self, oneshot::Receiver<()>) {
        let (greeting, greeted) = oneshot::channel();
        let (latest, silence) = (Instant::now(), Box::pin(sleep(SILENCE_MAX)));
        (Self { stream, seen: 0, greeting: Some(greeting), latest, silence }, greeted)
    }

    fn see(&mut self, bytes: &[u8]) {
        let kind = bytes.get(TYPE_AT.saturating_sub(self.seen)).filter(|_| self.seen <= TYPE_AT);
        self.seen = self.seen.saturating_add(bytes.len());
        if bytes.is_empty() || kind.is_some_and(|kind| *kind != SETTINGS) {
            self.greeting = None;
        } else if kind.is_some()
            && let Some(greeting) = self.greeting.take()
        {
            let _given_up = greeting.send(());
        }
    }

    /// Resolves when nothing was heard for too long. The timer is moved only when it comes too soon: hearing costs none.
    fn poll_silence(&mut self, task: &mut Context<'_>) -> Poll<io::Error> {
        loop {
            ready!(self.silence.as_mut().poll(task));
            let due = self.latest + SILENCE_MAX;
            if due <= Instant::now() {
                return Poll::Ready(io::ErrorKind::TimedOut.into());
            }
            self.silence.as_mut().reset(due);
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for LiveStream<S> {
    fn poll_read(mut self: Pin<&mut Self>, task: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let Poll::Ready(read) = Pin::new(&mut self.stream).poll_read(task, buffer) else {
            return self.poll_silence(task).map(Err);
        };
        read?;
        self.latest = Instant::now();
        if self.greeting.is_some() {
            self.see(&buffer.filled()[before..]);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for LiveStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, task: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(task, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(task, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(task)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(task)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    /// What becomes of the greeting when the other side sends `pieces`.
    fn greeting(pieces: &[&[u8]]) -> Result<(), oneshot::error::TryRecvError> {
        let (mut stream, mut greeted) = LiveStream::new(());
        for piece in pieces {
            stream.see(piece);
        }
        greeted.try_recv()
    }

    #[tokio::test]
    async fn a_settings_frame_greets_however_it_is_cut() {
        assert_eq!(greeting(&[&[0, 0, 6, 4, 0, 0]]), Ok(()));
        assert_eq!(greeting(&[&[0], &[0, 6], &[4]]), Ok(()));
        assert_eq!(greeting(&[&[0, 0, 6], &[4, 0]]), Ok(()));
        assert_eq!(greeting(&[&[0, 0, 6]]), Err(oneshot::error::TryRecvError::Empty));
    }

    #[tokio::test]
    async fn whatever_else_is_said_or_the_end_is_no_greeting() {
        for pieces in [&[b"HTTP/1.1 400".as_slice()][..], &[b"SSH", b"-2.0"], &[b""], &[b"\0", b""]] {
            assert_eq!(greeting(pieces), Err(oneshot::error::TryRecvError::Closed), "{pieces:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_side_that_says_nothing_for_too_long_is_lost_and_a_slow_one_is_not() {
        let (mut theirs, ours) = tokio::io::duplex(16);
        let (mut stream, _greeted) = LiveStream::new(ours);

        for _ in 0..5 {
            tokio::time::sleep(SILENCE_MAX * 9 / 10).await;
            theirs.write_all(b"x").await.unwrap();
            assert_eq!(stream.read_u8().await.unwrap(), b'x');
        }
        let begun = Instant::now();
        let lost = stream.read_u8().await.unwrap_err();

        assert_eq!((lost.kind(), begun.elapsed()), (io::ErrorKind::TimedOut, SILENCE_MAX));
    }
}
