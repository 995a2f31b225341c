//! What was done to the sessions of one user, with the times, and whether the model explains it.
//!
//! The checker is `todc-utils`, as for every other history (`timeline`): Wing and Gong's search with Lowe's memory of what was
//! tried, in a crate that needs no other. `stateright`, the other one in Rust that is kept, searches without such a memory, and
//! brings a model checker and an HTTP server with it, some forty crates.
//!
//! Without a cache the history of each session must be linearizable. With one, an acceptance may be as old as the lease: it must be
//! explained by a moment between a lease before the request began and its answer (Δ-atomicity: Golab, Li and Shah, 2011), and
//! each acceptance by itself, since every node remembers for itself. All else comes from the store, and is linearizable still.

use std::time::Duration;

use super::model::Op;
use crate::histories::{
    models::{
        accounts::Number,
        sessions::{self, Session},
    },
    timeline::{Span, Timed, is_explained, is_explained_one_by_one, told},
};

/// Operations on the sessions of one user, and answers that nothing explains. Times are in microseconds.
#[derive(Default)]
pub(super) struct History {
    operations: Vec<Timed<Op>>,
    surprises: Vec<String>,
}

impl History {
    pub(super) fn note(&mut self, span: Span, what: Op) {
        self.operations.push(Timed { what, span });
    }

    /// An answer that no history allows.
    pub(super) fn surprise(&mut self, text: String) {
        self.surprises.push(text);
    }

    /// What cannot be explained where acceptances may be so old; nothing, after a good history.
    pub(super) fn verdict(&self, staleness: Duration) -> Vec<String> {
        let opened = self.operations.iter().filter_map(|timed| match timed.what {
            Op::One(number, sessions::Op::Open) => Some(number),
            _ => None,
        });
        let wrong = opened.filter_map(|number| {
            let history = self.of(number);
            let what = format!("no order of these explains the answers, of session {number} (times in microseconds)");
            (!is_good(&history, staleness)).then(|| format!("{what}:\n{}", told(&history)))
        });
        self.surprises.iter().cloned().chain(wrong).collect()
    }

    /// What was done to a session.
    fn of(&self, session: Number) -> Vec<Timed<sessions::Op>> {
        let on = |timed: &Timed<Op>| Some(Timed { what: timed.what.on(session)?, span: timed.span });
        self.operations.iter().filter_map(on).collect()
    }

    /// How long after its end had been acknowledged each request began that was accepted all the same.
    pub(super) fn late_acceptances(&self) -> impl Iterator<Item = Duration> {
        self.operations.iter().filter_map(|timed| {
            let ended = self.ended(timed.what.accepted()?)?;
            timed.span.begin.checked_sub(ended).map(Duration::from_micros)
        })
    }

    /// When an end of the session was acknowledged first.
    fn ended(&self, session: Number) -> Option<u64> {
        let is_opening = |timed: &&Timed<Op>| timed.what == Op::One(session, sessions::Op::Open);
        let opened = self.operations.iter().find(is_opening)?.span;
        let ends = |timed: &&Timed<Op>| timed.what.ends(session) && opened.is_before(timed.span);
        self.operations.iter().filter(ends).map(|timed| timed.span.end).min()
    }
}

fn is_good(history: &[Timed<sessions::Op>], staleness: Duration) -> bool {
    if staleness.is_zero() {
        return is_explained::<Session>(history);
    }
    let aged: Vec<_> = history.iter().map(|timed| aged(timed, staleness)).collect();
    is_explained_one_by_one::<Session>(&aged, |op| *op == sessions::Op::Accepted)
}

/// The same, with an acceptance that may tell of a moment so long before it was asked for.
fn aged(timed: &Timed<sessions::Op>, staleness: Duration) -> Timed<sessions::Op> {
    let Timed { what, mut span } = *timed;
    if what == sessions::Op::Accepted {
        span.begin = span.begin.saturating_sub(staleness.as_micros().try_into().unwrap_or(u64::MAX));
    }
    Timed { what, span }
}

#[cfg(test)]
mod tests;
