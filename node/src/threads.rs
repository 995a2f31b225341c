//! The threads on which nodes talk to each other, beside those of actors and of HTTP: one per core.

use std::cell::OnceCell;

use tokio::runtime::{Builder, EnterGuard, Runtime};

use crate::exit::Failure;

/// Threads that are there once they are needed, and gone with this.
#[derive(Default)]
pub(crate) struct Threads(OnceCell<Runtime>);

impl Threads {
    /// Has what is spawned run there while the guard is held.
    ///
    /// # Errors
    /// The operator's: the system gives no threads.
    pub(crate) fn enter(&self) -> Result<EnterGuard<'_>, Failure> {
        if let Some(runtime) = self.0.get() {
            return Ok(runtime.enter());
        }
        let runtime = Builder::new_multi_thread().thread_name("nodes").enable_all().build();
        let runtime = runtime.map_err(|error| Failure::unavailable(format!("no threads for other nodes: {error}")))?;
        Ok(self.0.get_or_init(|| runtime).enter())
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background(); // whoever drops it may be a task, which must not wait
        }
    }
}
