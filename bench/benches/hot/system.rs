//! What drives asynchronous benchmarks: an actix system on the caller's thread, as each of a node's workers is.

use std::future::ready;

use actix::{Message, System, SystemRunner};
use criterion::async_executor::AsyncExecutor;
use portico_kernel::{Ask, AskError};

/// What a view holds at the most.
pub(crate) const ENTRIES: u64 = 1_000;

/// A system that actors can be started in.
pub(crate) struct Driver(SystemRunner);

impl Driver {
    pub(crate) fn new() -> Self {
        Self(System::new())
    }

    /// Does something before the measurement begins.
    pub(crate) fn run<T>(&self, work: impl Future<Output = T>) -> T {
        self.0.block_on(work)
    }
}

impl AsyncExecutor for &Driver {
    fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.run(future)
    }
}

/// For what a benchmark does not ask.
pub(crate) fn nobody<M, T, E>() -> Ask<M>
where
    M: Message<Result = Result<T, E>> + Send + 'static,
    T: Send + 'static,
    E: From<AskError> + Send + 'static,
{
    Ask::from_fn(|_| ready(Err(AskError::Unavailable.into())))
}
