//! Injected panics: how tests of a whole node crash its actors. Compiled only where debug assertions are on; a release
//! holds nothing of it.
//!
//! `PORTICO_CHAOS=crash_one_in=8,crashes=10000` has about one in eight messages crash their actor, until that has happened
//! 10,000 times: before the handler, after it and before its answer, or once the answer is on its way. Between two polls,
//! and in work that goes on after an await, it strikes as well, more rarely. Meanwhile no number of crashes escalates, unless
//! `escalate=1` is added, and a restart hardly waits. After the last crash nothing strikes any more, so that a test can look
//! at what is left.

#[cfg(not(debug_assertions))]
pub(crate) use self::absent::{begin, crash, crash_rarely, escalates, in_work, wait};
#[cfg(debug_assertions)]
pub(crate) use self::present::{begin, crash, crash_rarely, escalates, in_work, wait};

#[cfg(debug_assertions)]
mod present {
    use std::{
        env,
        future::{Future, poll_fn},
        pin::pin,
        sync::{
            LazyLock,
            atomic::{AtomicU64, Ordering},
        },
        time::Duration,
    };

    /// Names the wanted chaos; without it there is none.
    const VARIABLE: &str = "PORTICO_CHAOS";
    /// The longest wait before a restart meanwhile.
    const WAIT_MAX: Duration = Duration::from_millis(2);
    /// Polls are many more than messages: so many fewer of them are struck.
    const POLLS_PER_MESSAGE: u32 = 8;

    static CHAOS: LazyLock<Option<Chaos>> = LazyLock::new(|| env::var(VARIABLE).ok().map(|text| Chaos::parse(&text)));

    struct Chaos {
        one_in: u32,
        /// How many more actors are crashed.
        left: AtomicU64,
        /// Whether too many crashes escalate, as they do without chaos.
        escalates: bool,
    }

    impl Chaos {
        fn parse(text: &str) -> Self {
            let find = |name: &str| {
                let values = text.split(',').filter_map(|part| part.split_once('='));
                values.filter(|(known, _)| *known == name).find_map(|(_, value)| value.parse::<u32>().ok())
            };
            match (find("crash_one_in"), find("crashes")) {
                (Some(one_in @ 2..), Some(crashes)) => {
                    Self { one_in, left: AtomicU64::new(crashes.into()), escalates: find("escalate") == Some(1) }
                }
                _ => panic!(
                    "{VARIABLE} must be crash_one_in=N,crashes=M with N of at least 2, perhaps with escalate=1; it is {text}"
                ),
            }
        }

        fn hits(&self, rarer: u32) -> bool {
            fastrand::u32(..self.one_in.saturating_mul(rarer)) == 0
        }

        /// Takes one of the crashes that are left.
        fn take(&self) -> bool {
            self.left.fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| left.checked_sub(1)).is_ok()
        }
    }

    /// Reads what is wanted, so that a mistake in it ends the process before an actor runs.
    pub(crate) fn begin() {
        LazyLock::force(&CHAOS);
    }

    /// Whether too many crashes are one supervisor's too many in this process.
    pub(crate) fn escalates() -> bool {
        CHAOS.as_ref().is_none_or(|chaos| chaos.escalates)
    }

    /// Crashes the actor that is on the stack, at one message in so many.
    pub(crate) fn crash(place: &str) {
        strike(1, place);
    }

    /// The same, where polls are counted instead of messages.
    pub(crate) fn crash_rarely(place: &str) {
        strike(POLLS_PER_MESSAGE, place);
    }

    fn strike(rarer: u32, place: &str) {
        if let Some(chaos) = &*CHAOS
            && chaos.hits(rarer)
            && chaos.take()
        {
            panic!("injected {place}");
        }
    }

    /// `work` that panics at some awaits, or when it is done and not yet answered. That fails a call and no actor.
    pub(crate) async fn in_work<F: Future>(work: F) -> F::Output {
        let (mut work, mut awaited) = (pin!(work), false);
        let done = poll_fn(|task| {
            if std::mem::replace(&mut awaited, true) {
                fail("after an await");
            }
            work.as_mut().poll(task)
        });
        let done = done.await;
        fail("before the answer");
        done
    }

    fn fail(place: &str) {
        if let Some(chaos) = &*CHAOS
            && chaos.hits(POLLS_PER_MESSAGE)
            && chaos.left.load(Ordering::Acquire) > 0
        {
            panic!("injected {place}");
        }
    }

    /// How long a restart waits that would wait for `wait`.
    pub(crate) fn wait(wait: Duration) -> Duration {
        if CHAOS.is_some() { wait.min(WAIT_MAX) } else { wait }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn as_many_crashes_are_taken_as_were_asked_for() {
            let chaos = Chaos::parse("crash_one_in=2,crashes=3");

            let taken = (0..10).filter(|_| chaos.take()).count();

            assert_eq!((chaos.one_in, taken, chaos.escalates), (2, 3, false));
        }

        #[test]
        fn crashes_escalate_where_that_is_asked_for() {
            assert!(Chaos::parse("crash_one_in=2,crashes=3,escalate=1").escalates);
        }

        #[test]
        #[should_panic(expected = "crash_one_in=N")]
        fn a_chaos_that_is_not_understood_is_told() {
            Chaos::parse("crash_one_in=often,crashes=3");
        }

        #[test]
        fn there_is_none_unless_it_is_asked_for() {
            (0..1_000).for_each(|_| crash("in a test"));

            assert!(escalates());
            assert_eq!(wait(Duration::from_secs(9)), Duration::from_secs(9));
        }
    }
}

#[cfg(not(debug_assertions))]
mod absent {
    use std::{future::Future, time::Duration};

    pub(crate) const fn begin() {}

    pub(crate) const fn escalates() -> bool {
        true
    }

    pub(crate) const fn crash(_: &str) {}

    pub(crate) const fn crash_rarely(_: &str) {}

    pub(crate) fn in_work<F: Future>(work: F) -> F {
        work
    }

    pub(crate) const fn wait(wait: Duration) -> Duration {
        wait
    }
}
