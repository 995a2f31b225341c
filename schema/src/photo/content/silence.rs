//! A storage that does not answer keeps only those waiting who find that out.
//!
//! Invariant: once a call has waited in vain, others fail at once, but for one every [`ASK_AGAIN_AFTER`], which finds out
//! whether the storage is back. Whatever it answers, a refusal too, ends its silence.

use std::{
    future::Future,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use portico_kernel::StoreError;
use tokio::time::Instant;

/// After how long a storage that does not answer is asked once more.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Whether a storage answers.
#[derive(Debug)]
pub(super) struct Silence {
    /// A call that fails after so long was not answered; sooner, somebody has refused it or its connection.
    patience: Duration,
    /// When one call may ask again; none while it answers.
    ask_again: Mutex<Option<Instant>>,
}

impl Silence {
    /// Of a storage that is given so long for one try of a call.
    pub(super) fn after(patience: Duration) -> Self {
        Self { patience, ask_again: Mutex::new(None) }
    }

    /// Makes a call, unless the storage is silent and it is not this one's turn to ask.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] at once while it is silent; else the call's own.
    pub(super) async fn call<T>(
        &self,
        call: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        if !self.may_ask() {
            return Err(StoreError::Unavailable("the storage has not answered for a while".into()));
        }
        self.ask(call).await
    }

    /// Makes a call whose turn it is at any time, as the node's own question whether the storage is there.
    ///
    /// # Errors
    /// The call's own.
    pub(super) async fn ask<T>(
        &self,
        call: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        let began = Instant::now();
        let done = call.await;
        let in_vain = matches!(done, Err(StoreError::Unavailable(_))) && began.elapsed() >= self.patience;
        *self.ask_again() = in_vain.then(|| Instant::now() + ASK_AGAIN_AFTER);
        done
    }

    fn may_ask(&self) -> bool {
        let (now, mut ask_again) = (Instant::now(), self.ask_again());
        match *ask_again {
            None => true,
            Some(at) if at <= now => {
                *ask_again = Some(now + ASK_AGAIN_AFTER);
                true
            }
            Some(_) => false,
        }
    }

    fn ask_again(&self) -> MutexGuard<'_, Option<Instant>> {
        self.ask_again.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use tokio::time::sleep;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(2);

    async fn in_vain() -> Result<(), StoreError> {
        sleep(PATIENCE).await;
        away()
    }

    fn away() -> Result<(), StoreError> {
        Err(StoreError::Unavailable("no answer".into()))
    }

    /// How long a call took that failed.
    async fn wait(silence: &Silence, call: impl Future<Output = Result<(), StoreError>> + Send) -> Duration {
        let began = Instant::now();
        assert!(matches!(silence.call(call).await, Err(StoreError::Unavailable(_))));
        began.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn who_comes_after_a_call_that_waited_in_vain_waits_no_more_but_for_one_a_second() {
        let silence = Silence::after(PATIENCE);
        assert_eq!(wait(&silence, in_vain()).await, PATIENCE);

        let at_once = wait(&silence, in_vain()).await;
        sleep(ASK_AGAIN_AFTER).await;
        let (first, second) = tokio::join!(wait(&silence, in_vain()), wait(&silence, in_vain()));

        assert_eq!((at_once, first, second), (Duration::ZERO, PATIENCE, Duration::ZERO));
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_ends_the_silence_for_all() {
        for answer in [Ok(()), Err(StoreError::Full("no room".into()))] {
            let silence = Silence::after(PATIENCE);
            wait(&silence, in_vain()).await;
            sleep(ASK_AGAIN_AFTER).await;

            let _heard = silence.call(ready(answer)).await;

            assert!(silence.call(ready(Ok(()))).await.is_ok());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_nodes_own_question_ends_it_sooner() {
        let silence = Silence::after(PATIENCE);
        wait(&silence, in_vain()).await;

        silence.ask(ready(Ok(()))).await.unwrap();

        assert!(silence.call(ready(Ok(()))).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_storage_that_fails_at_once_is_asked_each_time() {
        let silence = Silence::after(PATIENCE);
        wait(&silence, ready(away())).await;

        assert!(silence.call(ready(Ok(()))).await.is_ok());
    }
}
