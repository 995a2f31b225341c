//! A time during which whoever takes log records is of no use. It is told twice, at its beginning and at its end: each word of it would be
//! one more record that waits.

use std::{error::Error, time::Duration};

/// The wait after a first failure; each further one doubles it.
const RETRY_FIRST: Duration = Duration::from_millis(100);
/// The longest wait: what is back is used again within as long.
const RETRY_MAX: Duration = Duration::from_secs(2);

#[derive(Default)]
pub(crate) struct Outage {
    failures: u32,
    told: bool,
}

impl Outage {
    /// Says once what is the matter.
    pub(crate) fn tell(&mut self, what: &'static str, error: &(dyn Error + 'static)) {
        if !self.told {
            tracing::warn!(error, "{what}");
        }
        self.told = true;
    }

    /// How long to wait before the next try.
    pub(crate) fn wait(&mut self) -> Duration {
        let wait = RETRY_FIRST.saturating_mul(2_u32.saturating_pow(self.failures));
        self.failures = self.failures.saturating_add(1);
        wait.min(RETRY_MAX)
    }

    /// It is over, if there was one.
    pub(crate) fn ended(&mut self, what: &'static str) {
        if std::mem::take(self).told {
            tracing::info!("{what}");
        }
    }
}
