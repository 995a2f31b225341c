//! A bounded pool of low-priority threads for work that burns CPU: password hashes, image decoding.
//!
//! Invariant: never more than `threads` jobs run and never more than `queue_capacity` wait; one more is refused at once.
//!
//! A job goes to the thread that has been idle for the shortest time. So where there is work for few of many threads, few hold
//! on to memory that they have freed (the allocator leaves a thread some of it until it works again), and those have what they
//! need in their caches.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::{self, Thread},
};

use rustix::process::{getpriority_process, setpriority_process};
use serde::Serialize;
use tokio::sync::oneshot;

use crate::{Blame, Fault, Server, Span, SpanKind, panics::survive, scope::Scope};

/// How nice the threads are at least (`setpriority(2)`, 0 to 19): a storm of hashes gives way to everything else.
const NICENESS: i32 = 10;

/// Threads that burn CPU so that actors' threads need not. Cheap to clone.
///
/// When the last clone is dropped the threads end after the job in hand; jobs that still wait answer `Crashed`.
#[derive(Clone)]
pub struct Pool(Arc<Owner>);

/// Why a pool did not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum PoolError {
    /// Every thread is busy and the queue is full. The work never ran.
    #[error("too much work is waiting")]
    Overloaded,
    /// The work panicked.
    #[error("work panicked")]
    Crashed,
}

/// What a pool is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct PoolLoad {
    /// Jobs that wait.
    pub queued: usize,
    /// Jobs that run.
    pub running: usize,
    /// Jobs that ended, well or in a panic, since the pool was made.
    pub done: u64,
}

impl Pool {
    /// A pool of `threads` threads called `name`, before which at most `queue_capacity` jobs wait.
    ///
    /// # Panics
    /// When the system has no thread left.
    pub fn new(name: &str, threads: usize, queue_capacity: usize) -> Self {
        let (name, threads) = (name.to_owned(), threads.max(1));
        let shared = Arc::new(Shared { name, queue: Mutex::default(), queue_capacity, threads });
        for index in 0..shared.threads {
            let shared = Arc::clone(&shared);
            thread::Builder::new()
                .name(format!("{}-{index}", shared.name))
                .spawn(move || shared.work())
                .expect("the system has a thread left for the pool");
        }
        Self(Arc::new(Owner(shared)))
    }

    /// Runs `work` on one of the threads, under the caller's trace and deadline. Work whose caller is gone before it
    /// began is skipped.
    ///
    /// # Errors
    /// The server's: [`PoolError`].
    pub async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, PoolError> {
        let (answer, answered) = oneshot::channel();
        let span = Span::of_current(SpanKind::Internal, || self.0.0.name.clone().into());
        let scope = Scope::current().within(span.as_ref());
        self.0.0.push(Box::new(move |busy| {
            let skipped = answer.is_closed();
            // The panic hook has reported a panic; the caller learns of it because the sender is gone.
            let result = if skipped { None } else { survive(|| scope.enter(work)).ok() };
            match (span, &result) {
                (Some(span), Some(_)) => span.end(),
                (Some(span), None) if !skipped => span.fail("crashed"),
                _ => {}
            }
            drop(busy); // before the answer: whoever has it finds a free thread
            if let Some(result) = result {
                let _gone = answer.send(result);
            }
        }))?;
        answered.await.map_err(|_| PoolError::Crashed)
    }

    /// What it is doing.
    pub fn load(&self) -> PoolLoad {
        let queue = self.0.0.lock();
        PoolLoad { queued: queue.jobs.len(), running: queue.running, done: queue.done }
    }
}

impl Blame for PoolError {
    fn fault(&self) -> Fault {
        Fault::Server(match self {
            Self::Overloaded => Server::Overloaded,
            Self::Crashed => Server::Broken,
        })
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Overloaded => "overloaded",
            Self::Crashed => "internal",
        }
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pool").field(&self.load()).finish()
    }
}

/// Drops what it is given when the thread is free again.
type Job = Box<dyn FnOnce(Busy<'_>) + Send>;

/// A thread that has a job, until this is dropped.
struct Busy<'a>(&'a Shared);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        let mut queue = self.0.lock();
        queue.running -= 1;
        queue.done += 1;
    }
}

struct Shared {
    name: String,
    queue: Mutex<Queue>,
    queue_capacity: usize,
    threads: usize,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    /// Threads that are parked, or about to be; the last one for the shortest time.
    idle: Vec<Thread>,
    running: usize,
    done: u64,
    closed: bool,
}

/// Closes the queue when the last handle is gone; it waits for no thread.
struct Owner(Arc<Shared>);

impl Drop for Owner {
    fn drop(&mut self) {
        let (abandoned, idle) = {
            let mut queue = self.0.lock();
            queue.closed = true;
            (std::mem::take(&mut queue.jobs), std::mem::take(&mut queue.idle))
        };
        idle.iter().for_each(Thread::unpark);
        for job in abandoned {
            let _told = survive(|| drop(job)); // not under the lock: a job's captures may do anything when dropped
        }
    }
}

impl Shared {
    fn push(&self, job: Job) -> Result<(), PoolError> {
        let mut queue = self.lock();
        // An idle thread takes its job in a moment: that one does not wait.
        let idle = self.threads - queue.running;
        if queue.jobs.len() >= self.queue_capacity + idle {
            return Err(PoolError::Overloaded);
        }
        queue.jobs.push_back(job);
        let woken = queue.idle.pop();
        drop(queue);
        if let Some(thread) = woken {
            thread.unpark();
        }
        Ok(())
    }

    fn work(&self) {
        give_way();
        while let Some(job) = self.next() {
            // Work or an answer that nobody wants any more may panic when it is dropped: the thread goes on.
            let _told = survive(|| job(Busy(self)));
        }
    }

    fn next(&self) -> Option<Job> {
        let own = thread::current();
        let mut queue = self.lock();
        loop {
            if let Some(job) = queue.jobs.pop_front() {
                queue.running += 1;
                return Some(job);
            }
            if queue.closed {
                return None;
            }
            queue.idle.push(own.clone());
            drop(queue);
            thread::park();
            queue = self.lock();
            queue.idle.retain(|idle| idle.id() != own.id()); // it may have woken by itself
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lowers the priority of this thread; on Linux `setpriority` is per thread. Best effort: it works as well without.
fn give_way() {
    let own = getpriority_process(None).unwrap_or_default();
    if let Err(error) = setpriority_process(None, own.max(NICENESS)) {
        tracing::debug!(%error, "pool thread keeps the normal priority");
    }
}
