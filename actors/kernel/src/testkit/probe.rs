//! Stands in for an actor: the test takes each call, looks at it and answers it.

use std::fmt;

use actix::Message;
use futures_util::future::BoxFuture;
use tokio::sync::{mpsc, oneshot};

use crate::{Ask, AskError, Callee, Deadline};

/// How many calls may wait for the test to take them.
const CALLS_MAX: usize = 1024;

/// An [`Ask`] whose calls the test answers through the [`Probe`].
pub fn probe<M>() -> (Ask<M>, Probe<M>)
where
    M: Message + Send + 'static,
    M::Result: Send,
{
    let (sender, calls) = mpsc::channel(CALLS_MAX);
    (Ask::new(Sender(sender)), Probe(calls))
}

/// The callee's end of an [`Ask`], in the hands of a test. Once it is dropped, every call answers `Unavailable`.
#[derive(Debug)]
pub struct Probe<M: Message>(mpsc::Receiver<Call<M>>);

impl<M: Message> Probe<M> {
    /// The next call, as soon as somebody makes one.
    ///
    /// # Panics
    /// When every clone of the [`Ask`] is gone: nobody could call any more.
    pub async fn next(&mut self) -> Call<M> {
        self.0.recv().await.expect("somebody still holds the Ask")
    }

    /// The next call if one waits already.
    pub fn try_next(&mut self) -> Option<Call<M>> {
        self.0.try_recv().ok()
    }
}

/// A call that waits for its answer. Dropped without one, it answers `Crashed`.
pub struct Call<M: Message> {
    /// What was asked.
    pub message: M,
    /// When the caller stops waiting.
    pub deadline: Deadline,
    answer: oneshot::Sender<M::Result>,
}

impl<M: Message> Call<M> {
    /// Answers the call.
    pub fn answer(self, result: M::Result) {
        let _gone = self.answer.send(result);
    }
}

impl<M: Message + fmt::Debug> fmt::Debug for Call<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("message", &self.message).field("deadline", &self.deadline).finish_non_exhaustive()
    }
}

struct Sender<M: Message>(mpsc::Sender<Call<M>>);

impl<M> Callee<M> for Sender<M>
where
    M: Message + Send + 'static,
    M::Result: Send,
{
    fn call(&self, message: M, deadline: Deadline) -> BoxFuture<'static, Result<M::Result, AskError>> {
        let (answer, answered) = oneshot::channel();
        let sent = self.0.try_send(Call { message, deadline, answer });
        Box::pin(async move {
            sent.map_err(|refused| match refused {
                mpsc::error::TrySendError::Full(_) => AskError::Overloaded,
                mpsc::error::TrySendError::Closed(_) => AskError::Unavailable,
            })?;
            let answer = tokio::time::timeout_at(deadline.instant(), answered).await.map_err(|_| AskError::Late)?;
            answer.map_err(|_| AskError::Crashed)
        })
    }
}
