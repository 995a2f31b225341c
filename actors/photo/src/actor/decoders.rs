//! The threads that decode, and how long a picture waits for one.
//!
//! Invariant: a picture whose turn does not come by its deadline is refused, so that there is time to send it again; one
//! that cannot hope for that, going by the pictures before it and by how fast others were decoded, is refused at once.

use std::{
    pin::pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use portico_kernel::{Deadline, Pool, PoolError};
use tokio::{
    sync::oneshot,
    time::{Instant, sleep_until},
};

use crate::Error;

/// How long a pixel takes before any was decoded: that of a photograph, on a slow core.
const PIXEL_AT_FIRST_NS: f64 = 50.0;
/// How much the last picture tells of how long a pixel takes.
const LAST_SHARE: f64 = 0.2;

/// A pool of threads that decode, and its queue. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Decoders {
    pool: Pool,
    threads: usize,
    queue: Arc<Queue>,
}

#[derive(Debug)]
struct Queue {
    /// Those of all pictures that wait or are decoded.
    pixels: AtomicU64,
    /// How long one takes, as things go.
    pixel_ns: Mutex<f64>,
}

/// A picture's place in the queue, until this is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    queue: Arc<Queue>,
    pixels: u64,
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.queue.pixels.fetch_sub(self.pixels, Ordering::Relaxed);
    }
}

impl Turn {
    /// The picture was decoded in `took`.
    fn ended(self, took: Duration) {
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let own = took.as_secs_f64() * 1e9 / self.pixels.max(1) as f64;
        let mut pixel_ns = self.queue.pixel_ns.lock().unwrap_or_else(PoisonError::into_inner);
        *pixel_ns += (own - *pixel_ns) * LAST_SHARE;
    }
}

impl Decoders {
    /// So many threads, before which at most `queue_max` pictures wait.
    pub fn new(threads: usize, queue_max: usize) -> Self {
        let queue = Queue { pixels: AtomicU64::new(0), pixel_ns: Mutex::new(PIXEL_AT_FIRST_NS) };
        Self { pool: Pool::new("photo", threads, queue_max), threads: threads.max(1), queue: Arc::new(queue) }
    }

    /// The threads.
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// Takes a place for a picture of so many pixels.
    ///
    /// # Errors
    /// [`Error::Overloaded`] if its turn is not to be expected by then.
    pub(super) fn queue_up(&self, pixels: u64, by: Deadline) -> Result<Turn, Error> {
        if self.expected_wait() > by.remaining() {
            return Err(Error::Overloaded);
        }
        self.queue.pixels.fetch_add(pixels, Ordering::Relaxed);
        Ok(Turn { queue: Arc::clone(&self.queue), pixels })
    }

    /// Runs `work` when it is its turn.
    ///
    /// # Errors
    /// [`Error::Overloaded`] if that is not by then, [`Error::Processing`] if it panics.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        turn: Turn,
        by: Deadline,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        let (begins, begun) = oneshot::channel();
        let mut running = pin!(self.pool.run(move || {
            let _given_up = begins.send(());
            let since = Instant::now();
            let result = work();
            turn.ended(since.elapsed());
            result
        }));
        tokio::select! {
            biased;
            ended = &mut running => return ended.map_err(failed),
            _ = begun => {}
            () = sleep_until(by.instant()) => return Err(Error::Overloaded), // and the pool skips what nobody awaits
        }
        running.await.map_err(failed)
    }

    fn expected_wait(&self) -> Duration {
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let rounds = self.queue.pixels.load(Ordering::Relaxed) as f64 / self.threads as f64;
        let pixel_ns = *self.queue.pixel_ns.lock().unwrap_or_else(PoisonError::into_inner);
        Duration::try_from_secs_f64(rounds * pixel_ns / 1e9).unwrap_or(Duration::MAX)
    }
}

fn failed(error: PoolError) -> Error {
    match error {
        PoolError::Overloaded => Error::Overloaded,
        PoolError::Crashed => Error::Processing,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use tokio::time::timeout;

    use super::*;

    const MEGAPIXEL: u64 = 1_000_000;

    fn within(seconds: u64) -> Deadline {
        Deadline::within(Duration::from_secs(seconds))
    }

    #[tokio::test(start_paused = true)]
    async fn a_picture_that_cannot_hope_for_its_turn_is_refused_at_once() {
        let decoders = Decoders::new(2, 10);
        let first = decoders.queue_up(30 * MEGAPIXEL, within(1)).unwrap();
        let second = decoders.queue_up(30 * MEGAPIXEL, within(1)).unwrap();

        let third = decoders.queue_up(1, within(1));
        drop(first);

        assert!(matches!(third, Err(Error::Overloaded)));
        assert!(decoders.queue_up(1, within(1)).is_ok());
        drop(second);
    }

    #[tokio::test(start_paused = true)]
    async fn how_long_others_took_tells_what_can_be_hoped_for() {
        let decoders = Decoders::new(1, 10);
        for _ in 0..20 {
            decoders.queue_up(MEGAPIXEL, within(1)).unwrap().ended(Duration::from_secs(1));
        }
        let _before = decoders.queue_up(2 * MEGAPIXEL, within(1)).unwrap();

        assert!(matches!(decoders.queue_up(1, within(1)), Err(Error::Overloaded)));
        assert!(decoders.queue_up(1, within(3)).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_picture_whose_turn_does_not_come_in_time_is_refused_and_skipped() {
        let (decoders, (go, gate)) = (Decoders::new(1, 10), mpsc::channel::<()>());
        let slow = decoders.clone();
        let slow = tokio::spawn(async move {
            let turn = slow.queue_up(1, within(60)).unwrap();
            slow.run(turn, within(60), move || gate.recv().unwrap()).await
        });
        while decoders.pool().load().running == 0 {
            tokio::task::yield_now().await;
        }

        let turn = decoders.queue_up(1, within(5)).unwrap();
        let late = decoders.run(turn, within(5), || panic!("it is skipped"));
        let late = timeout(Duration::from_mins(1), late).await.expect("it is given up");
        tokio::time::resume(); // a paused clock would run ahead of the thread that is waited for from here on
        go.send(()).unwrap();

        assert!(matches!(late, Err::<(), _>(Error::Overloaded)));
        assert!(slow.await.unwrap().is_ok());
        let turn = decoders.queue_up(1, within(5)).unwrap();
        assert!(matches!(decoders.run(turn, within(60), || 7).await, Ok(7)));
        assert_eq!(decoders.queue.pixels.load(Ordering::Relaxed), 0);
    }
}
