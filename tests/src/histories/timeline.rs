//! When operations began and were answered, and whether some order of them explains all answers.
//!
//! An operation takes effect at one moment between its beginning and its answer. A history is linearizable (Herlihy and
//! Wing, 1990) when moments can be chosen so that each answer is the one that the model gives in that order.

use std::fmt::Debug;

use todc_utils::{Action, History, Specification, WGLChecker};

/// Something that was done and answered, in ticks of one clock that all clients share.
#[derive(Debug, Clone)]
pub(super) struct Timed<Op> {
    pub(super) what: Op,
    pub(super) span: Span,
}

/// From before a request was sent until after its answer was read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) begin: u64,
    /// [`Span::NEVER`] for an effect that may come at any time or not at all.
    pub(super) end: u64,
}

impl Span {
    pub(super) const NEVER: u64 = u64::MAX;

    /// The same beginning, for an effect that nobody acknowledged.
    pub(super) fn endless(self) -> Self {
        Self { end: Self::NEVER, ..self }
    }

    pub(super) fn is_before(self, other: Self) -> bool {
        self.end < other.begin
    }
}

/// Whether an order explains all answers.
pub(super) fn is_explained<S: Specification>(history: &[Timed<S::Operation>]) -> bool {
    explains::<S>(&history.iter().collect::<Vec<_>>())
}

/// Whether all changes are explained by an order, and each observation by an order of its own of the changes. That is what
/// is promised where observations are answered from a cache: nothing older than what was acknowledged before.
pub(super) fn is_explained_one_by_one<S: Specification>(
    history: &[Timed<S::Operation>],
    is_observation: impl Fn(&S::Operation) -> bool,
) -> bool {
    let (observations, changes): (Vec<_>, Vec<_>) = history.iter().partition(|timed| is_observation(&timed.what));
    let with = |observation| [&changes[..], &[observation]].concat();
    explains::<S>(&changes) && observations.into_iter().all(|observation| explains::<S>(&with(observation)))
}

fn explains<S: Specification>(history: &[&Timed<S::Operation>]) -> bool {
    if history.is_empty() {
        return true;
    }
    let mut moments: Vec<_> = history
        .iter()
        .enumerate()
        .flat_map(|(process, Timed { what, span })| {
            [(span.begin, process, Action::Call(what.clone())), (span.end, process, Action::Response(what.clone()))]
        })
        .collect();
    moments.sort_by_key(|(at, ..)| *at);
    let actions = moments.into_iter().map(|(_, process, action)| (process, action)).collect();
    WGLChecker::<S>::is_linearizable(History::from_actions(actions))
}

/// A history in the order in which operations began, a line for each.
pub(super) fn told<Op: Debug>(history: &[Timed<Op>]) -> String {
    let mut history: Vec<_> = history.iter().collect();
    history.sort_by_key(|timed| timed.span.begin);
    let line = |timed: &&Timed<Op>| {
        let end = if timed.span.end == Span::NEVER { "...".to_owned() } else { timed.span.end.to_string() };
        format!("    {:>5} {end:>5}  {:?}", timed.span.begin, timed.what)
    };
    history.iter().map(line).collect::<Vec<_>>().join("\n")
}
