//! Repeating what never ran.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use portico_kernel::{Ask, AskError, Deadline, RetryBudget};
use tokio::time::{Instant, advance, pause};

mod support;
use support::{Do, Error};

const SECOND: Duration = Duration::from_secs(1);

fn refusing(times: u32, with: AskError) -> (Ask<Do>, Arc<AtomicU32>) {
    struct Refusing(AtomicU32, AskError, Arc<AtomicU32>);
    impl portico_kernel::Callee<Do> for Refusing {
        fn call(
            &self,
            _: Do,
            _: Deadline,
        ) -> futures_util::future::BoxFuture<'static, Result<Result<u32, Error>, AskError>> {
            self.2.fetch_add(1, Ordering::Relaxed);
            let refuses = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok();
            let answer = if refuses { Err(self.1) } else { Ok(Ok(7)) };
            Box::pin(std::future::ready(answer))
        }
    }
    let calls = Arc::new(AtomicU32::new(0));
    (Ask::new(Refusing(AtomicU32::new(times), with, Arc::clone(&calls))), calls)
}

#[actix::test]
async fn a_call_that_never_ran_is_repeated_until_it_runs() {
    pause();
    for error in [AskError::Overloaded, AskError::Draining, AskError::Unavailable] {
        let (ask, calls) = refusing(3, error);

        let answer = ask.ask_again(Do::Count, &RetryBudget::default()).await;

        assert_eq!(answer, Ok(7));
        assert_eq!(calls.load(Ordering::Relaxed), 4);
    }
}

#[actix::test]
async fn a_call_that_may_have_run_is_never_repeated() {
    pause();
    for error in [AskError::Crashed, AskError::Late] {
        let (ask, calls) = refusing(1, error);

        let answer = ask.ask_again(Do::Count, &RetryBudget::default()).await;

        assert_eq!(answer, Err(Error::Ask(error)));
        assert_eq!(calls.load(Ordering::Relaxed), 1);
    }
}

#[actix::test]
async fn repeats_end_with_the_deadline() {
    pause();
    let (ask, calls) = refusing(u32::MAX, AskError::Unavailable);
    let begun = Instant::now();

    let answer = ask.timeout(SECOND).ask_again(Do::Count, &RetryBudget::new(1.0, 1000.0)).await;

    assert_eq!(answer, Err(Error::Ask(AskError::Unavailable)));
    assert!(begun.elapsed() <= SECOND);
    assert!((3..20).contains(&calls.load(Ordering::Relaxed)), "waits grow between repeats");
}

#[actix::test]
async fn a_spent_budget_allows_a_share_of_the_calls_and_a_few_a_second() {
    pause();
    let (ask, calls) = refusing(u32::MAX, AskError::Overloaded);
    let budget = RetryBudget::new(0.25, 0.1); // at most one is saved up
    let spent = ask.ask_again(Do::Count, &budget).await;
    assert_eq!(spent, Err(Error::Ask(AskError::Overloaded)));
    calls.store(0, Ordering::Relaxed);

    for _ in 0..40 {
        let _refused = ask.ask_again(Do::Count, &budget).await;
    }
    let repeats = calls.load(Ordering::Relaxed) - 40;
    calls.store(0, Ordering::Relaxed);
    advance(10 * SECOND).await;
    let _refused = ask.ask_again(Do::Count, &budget).await;

    assert!((9..=11).contains(&repeats), "{repeats} repeats in 40 calls");
    assert!(calls.load(Ordering::Relaxed) >= 2, "an idle time brings one back");
}
