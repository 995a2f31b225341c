//! Clients that repeat themselves until something has been acknowledged.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use portico_tests::{Answer, Client, PASSWORD, eventually};

use crate::attempt;

/// How many attempts of each client must have been made for it to be under way.
const BEFORE: usize = 3;
/// How many there may be, should nobody ever end it.
const ATTEMPTS_MAX: usize = 5_000;

/// What clients and whoever ends their race know of each other.
#[derive(Default)]
pub(crate) struct Race {
    under_way: AtomicUsize,
    over: AtomicBool,
}

impl Race {
    /// Repeats `attempt` until one was begun after [`Self::over`]; answers all, that one last.
    pub(crate) async fn run<F: Future<Output = Answer>>(&self, attempt: impl Fn(usize) -> F) -> Vec<Answer> {
        let (mut answers, mut last) = (Vec::new(), false);
        while !last {
            last = self.over.load(Ordering::Acquire) || answers.len() == ATTEMPTS_MAX;
            answers.push(attempt(answers.len()).await);
            self.under_way.fetch_add(usize::from(answers.len() == BEFORE), Ordering::AcqRel);
        }
        answers
    }

    /// Waits until so many clients have made several attempts.
    pub(crate) async fn under_way(&self, clients: usize) {
        let begun = || std::future::ready((self.under_way.load(Ordering::Acquire) == clients).then_some(()));
        eventually("everybody to be at it", begun).await;
    }

    /// Says that what they race was acknowledged.
    pub(crate) fn over(&self) {
        self.over.store(true, Ordering::Release);
    }
}

/// Signs in under the password that everybody registers with.
pub(crate) async fn sign_in_again_and_again(race: Arc<Race>, anybody: Client, email: String) -> Vec<Answer> {
    race.run(|_| attempt(&anybody, &email, PASSWORD)).await
}
