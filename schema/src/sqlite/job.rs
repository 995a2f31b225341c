//! A command on its way through the writer: queued, run, and answered once the fate of its transaction is known.
//!
//! Invariant: every command is answered at most once, and never with its own answer unless what it did is committed.

use std::panic::AssertUnwindSafe;

use async_trait::async_trait;
use futures_util::FutureExt as _;
use portico_kernel::StoreError;
use sea_orm::{DatabaseTransaction, DbErr};
use tokio::sync::oneshot;

use crate::database::{Rollback, Work, store_error};

/// A command that waits in the queue, whatever it answers.
#[async_trait]
pub(super) trait Job: Send {
    /// Whether nobody waits for the answer any more.
    fn is_abandoned(&self) -> bool;

    /// Does the command's work. A panic in it is caught.
    async fn run(self: Box<Self>, tx: &DatabaseTransaction) -> Ran;

    /// Answers a command that never ran.
    fn refuse(self: Box<Self>, error: StoreError);
}

/// Sends a command's answer: its own if its transaction was committed, else why that was not.
pub(super) type Answer = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// A command that ran and is not answered yet.
pub(super) struct Ran {
    /// Whether what it did is to be kept.
    pub(super) keep: bool,
    /// What the database failed it with.
    pub(super) failure: Option<DbErr>,
    /// To be called when the transaction has ended.
    pub(super) answer: Answer,
}

/// A job that runs `command`, and where its answer arrives.
pub(super) fn job<T, F>(command: F) -> (Box<dyn Job>, oneshot::Receiver<Result<T, StoreError>>)
where
    T: Send + 'static,
    F: for<'t> FnOnce(&'t DatabaseTransaction) -> Work<'t, T> + Send + 'static,
{
    let (reply, answer) = oneshot::channel();
    (Box::new(Command { command, reply }), answer)
}

struct Command<T, F> {
    command: F,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

#[async_trait]
impl<T, F> Job for Command<T, F>
where
    T: Send + 'static,
    F: for<'t> FnOnce(&'t DatabaseTransaction) -> Work<'t, T> + Send + 'static,
{
    fn is_abandoned(&self) -> bool {
        self.reply.is_closed()
    }

    async fn run(self: Box<Self>, tx: &DatabaseTransaction) -> Ran {
        let Self { command, reply } = *self;
        let work = AssertUnwindSafe(async move { command(tx).await }).catch_unwind().await;
        let (keep, failure, answer) = match work {
            Ok(Ok(answer)) => (true, None, Ok(answer)),
            Ok(Err(Rollback::Answer(answer))) => (false, None, Ok(answer)),
            Ok(Err(Rollback::Refused(error))) => (false, None, Err(error)),
            Ok(Err(Rollback::Failed(error))) => (false, Some(error.clone()), Err(store_error(error))),
            Err(_) => (false, None, Err(StoreError::Broken("a command panicked".into()))),
        };
        // Whoever asked may have gone by now.
        let answer = move |committed: Result<(), StoreError>| drop(reply.send(committed.and(answer)));
        Ran { keep, failure, answer: Box::new(answer) }
    }

    fn refuse(self: Box<Self>, error: StoreError) {
        drop(self.reply.send(Err(error)));
    }
}
