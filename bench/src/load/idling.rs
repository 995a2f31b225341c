//! Keeps the generator's thread awake, and tells how much of its time it had something to do.

use std::{
    cell::Cell,
    rc::Rc,
    time::{Duration, Instant},
};

use tokio::task::{spawn_local, yield_now};

/// A turn of the runtime that takes longer did something; one in which nothing was ready takes less.
const EMPTY_TURN: Duration = Duration::from_micros(2);

/// A task that always wants to go on, so that the runtime looks for input instead of sleeping until it comes.
pub(super) struct Idling(Rc<State>);

struct State {
    began: Instant,
    busy: Cell<Duration>,
    ended: Cell<bool>,
}

impl Idling {
    /// Begins, inside of a local set.
    pub(super) fn begin() -> Self {
        let state = Rc::new(State { began: Instant::now(), busy: Cell::default(), ended: Cell::new(false) });
        spawn_local(idle(Rc::clone(&state)));
        Self(state)
    }

    /// Ends, and tells the share of the time that was spent on something.
    pub(super) fn end(self) -> f64 {
        self.0.ended.set(true);
        self.0.busy.get().as_secs_f64() / self.0.began.elapsed().as_secs_f64()
    }
}

async fn idle(state: Rc<State>) {
    let mut before = Instant::now();
    while !state.ended.get() {
        yield_now().await;
        let now = Instant::now();
        let turn = now - before;
        if turn > EMPTY_TURN {
            state.busy.update(|busy| busy + turn);
        }
        before = now;
    }
}
