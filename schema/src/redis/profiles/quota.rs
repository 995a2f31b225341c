//! How many profiles a node may keep on the server: what others need it for must find room there.
//!
//! Invariant: in no minute are there more than twice as many as may be kept, and each ends by itself after one.

use std::{
    sync::{Mutex, PoisonError},
    time::Instant,
};

use portico_user::PROFILES_KEPT;

/// What may be kept in a minute.
pub(super) struct Quota {
    max: u64,
    minute: Mutex<(Instant, u64)>,
}

impl Quota {
    pub(super) fn new(max: u64) -> Self {
        Self { max, minute: Mutex::new((Instant::now(), 0)) }
    }

    /// Whether one more may be kept, which counts.
    pub(super) fn take(&self) -> bool {
        self.take_at(Instant::now())
    }

    fn take_at(&self, now: Instant) -> bool {
        let mut minute = self.minute.lock().unwrap_or_else(PoisonError::into_inner);
        if now.saturating_duration_since(minute.0) >= PROFILES_KEPT {
            *minute = (now, 0);
        }
        let is_left = minute.1 < self.max;
        minute.1 += u64::from(is_left);
        is_left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_are_kept_in_a_minute_as_may_be_and_as_many_in_the_next() {
        let (quota, begun) = (Quota::new(3), Instant::now());

        let kept = |at: Instant| (0..10).filter(|_| quota.take_at(at)).count();

        assert_eq!((kept(begun), kept(begun + PROFILES_KEPT / 2), kept(begun + 2 * PROFILES_KEPT)), (3, 0, 3));
    }
}
