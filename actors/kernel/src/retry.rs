//! Repeating what never ran, without making an overload worse.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// For how long a budget that is not used grows.
const KEPT: Duration = Duration::from_secs(10);

/// How many repeats a caller may make: a share of its calls, and a few each second besides (after Finagle's
/// `RetryBudget`). When everything fails, load grows by that share only. Cheap to clone; clones share the budget.
///
/// Invariant: the balance is never negative and never above what ten idle seconds bring.
#[derive(Clone)]
pub struct RetryBudget(Arc<Inner>);

struct Inner {
    per_call: f64,
    per_second: f64,
    most: f64,
    balance: Mutex<Balance>,
}

struct Balance {
    repeats: f64,
    at: Instant,
}

impl RetryBudget {
    /// A budget that allows `per_call` repeats per call (0.2: one in five) and `per_second` besides, and saves up for
    /// at most ten seconds.
    pub fn new(per_call: f64, per_second: f64) -> Self {
        let most = (per_second * KEPT.as_secs_f64()).max(1.0);
        let balance = Mutex::new(Balance { repeats: most, at: Instant::now() });
        Self(Arc::new(Inner { per_call, per_second, most, balance }))
    }

    /// Notes a call that is made for the first time.
    pub fn deposit(&self) {
        self.balance().add(self.0.per_call, self.0.most);
    }

    /// Takes one repeat. False when the budget is spent.
    pub fn withdraw(&self) -> bool {
        let mut balance = self.balance();
        let allowed = balance.repeats >= 1.0;
        if allowed {
            balance.repeats -= 1.0;
        }
        allowed
    }

    fn balance(&self) -> MutexGuard<'_, Balance> {
        let mut balance = self.0.balance.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let grown = (now - balance.at).as_secs_f64() * self.0.per_second;
        balance.add(grown, self.0.most);
        balance.at = now;
        balance
    }
}

impl Balance {
    fn add(&mut self, repeats: f64, most: f64) {
        self.repeats = (self.repeats + repeats).min(most);
    }
}

impl Default for RetryBudget {
    /// One repeat in five calls, and ten a second besides: Finagle's own figures.
    fn default() -> Self {
        Self::new(0.2, 10.0)
    }
}

impl fmt::Debug for RetryBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetryBudget").field("repeats", &self.balance().repeats).finish_non_exhaustive()
    }
}
