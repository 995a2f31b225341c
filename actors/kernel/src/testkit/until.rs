//! Waiting for a state that nobody announces.

use std::time::{Duration, Instant};

/// How long a test may wait, on the machine's own clock, since the virtual one may stand still.
const PATIENCE: Duration = Duration::from_mins(1);

/// Gives way to everything else until `condition` holds.
///
/// # Panics
/// When it does not hold after a minute: `what` never happened.
pub async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < PATIENCE, "{what} never happened");
        tokio::task::yield_now().await;
        std::thread::yield_now(); // another thread may be the one that makes it true
    }
}
