//! How many use a pool at once: as many as it has connections while the server answers, and a few while it does not.
//!
//! Whoever waits for a connection gives up after a while, and the pool gives up with him what it was opening for him. When
//! a server came back to many who wait, each of them would be served when little of his time was left, and no handshake
//! would ever end, for all the work that those take which nobody waits for any more. So they wait here, where nothing is
//! opened for them yet: whoever has a turn has all the time that a handshake may take, and of handshakes there are only a few
//! at once until the first have succeeded.

use std::{
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    time::Duration,
};

use sea_orm::{ConnAcquireErr, DbErr};
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::timeout,
};

/// The turns to use a pool. All numbers are hints that a moment may outdate, but for the turns that are free.
pub(crate) struct Turns {
    free: Semaphore,
    /// How many there are, free or taken: between `few` and `many`.
    number: AtomicUsize,
    few: usize,
    many: usize,
    /// How long one is waited for while the server answers.
    patience: Duration,
    /// How many in a row have not reached the server.
    in_vain: AtomicUsize,
}

/// A turn: one connection may be used until it is dropped.
pub(crate) struct Turn<'a> {
    turns: &'a Turns,
    permit: SemaphorePermit<'a>,
}

impl Turns {
    /// `few` of at most `many`, for each of which one waits with `patience`.
    pub(super) fn new(few: usize, many: usize, patience: Duration) -> Self {
        let (free, number) = (Semaphore::new(few), AtomicUsize::new(few));
        Self { free, number, few, many, patience, in_vain: AtomicUsize::new(0) }
    }

    /// Waits for a turn; while the server does not answer, only for one that is free.
    pub(crate) async fn take(&self) -> Result<Turn<'_>, DbErr> {
        let patience = if self.in_vain.load(Relaxed) < self.few { self.patience } else { Duration::ZERO };
        match timeout(patience, self.free.acquire()).await {
            Ok(Ok(permit)) => Ok(Turn { turns: self, permit }),
            Ok(Err(_)) | Err(_) => Err(DbErr::ConnectionAcquire(ConnAcquireErr::Timeout)),
        }
    }

    /// Whether there was one more to be made, or one to be taken away.
    fn change(&self, to: impl Fn(usize) -> Option<usize>) -> bool {
        self.number.fetch_update(Relaxed, Relaxed, to).is_ok()
    }
}

impl Turn<'_> {
    /// The server has answered: one more may try.
    pub(crate) fn reached(&self) {
        self.turns.in_vain.store(0, Relaxed);
        if self.turns.change(|number| (number < self.turns.many).then_some(number + 1)) {
            self.turns.free.add_permits(1);
        }
    }

    /// The server has not answered: one less may try.
    pub(crate) fn missed(self) {
        self.turns.in_vain.fetch_add(1, Relaxed);
        if self.turns.change(|number| (number > self.turns.few).then_some(number - 1)) {
            self.permit.forget();
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(2);

    /// How many turns can be had at this moment, and how long the next one was waited for in vain.
    async fn all(turns: &Turns) -> (Vec<Turn<'_>>, Duration) {
        let mut taken = Vec::new();
        loop {
            let asked = Instant::now();
            match turns.take().await {
                Ok(turn) => taken.push(turn),
                Err(_) => return (taken, asked.elapsed()),
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn each_answer_of_the_server_lets_one_more_try_up_to_all() {
        let turns = Turns::new(2, 5, PATIENCE);
        assert_eq!(all(&turns).await.0.len(), 2);

        for expected in [3, 4, 5, 5] {
            turns.take().await.unwrap().reached();
            assert_eq!(all(&turns).await.0.len(), expected);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_does_not_answer_is_tried_by_a_few_and_nobody_else_waits() {
        let turns = Turns::new(2, 5, PATIENCE);
        for _ in 0..3 {
            turns.take().await.unwrap().reached();
        }
        let (taken, waited) = all(&turns).await;
        assert_eq!((taken.len(), waited), (5, PATIENCE));

        taken.into_iter().for_each(Turn::missed);

        let (taken, waited) = all(&turns).await;
        assert_eq!((taken.len(), waited), (2, Duration::ZERO));
        taken[0].reached();
        let (more, waited) = all(&turns).await;
        assert_eq!((more.len(), waited), (1, PATIENCE), "it answers again");
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_has_the_turn_that_another_gives_back() {
        let turns = Turns::new(1, 1, PATIENCE);
        let taken = turns.take().await.unwrap();

        let (next, ()) = tokio::join!(turns.take(), async {
            tokio::time::sleep(PATIENCE / 2).await;
            drop(taken);
        });

        assert!(next.is_ok());
    }
}
