//! One session: it is opened once, and once it has ended it stays so.

use todc_utils::Specification;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Op {
    Open,
    /// A request under it was accepted.
    Accepted,
    /// A request under it was refused.
    Refused,
    /// Revoked by its id: it was there.
    Revoke,
    /// Revoked by its id: it was not there.
    Missing,
    /// Something ended it if it was open: signing out, changed credentials, the end of the account.
    End,
    /// Something that may or may not have met it ended all that it met.
    MayEnd,
}

impl Op {
    /// Answered from a view of the sessions.
    pub(in super::super) fn is_observation(self) -> bool {
        matches!(self, Self::Accepted | Self::Refused)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in super::super) enum State {
    Unopened,
    Open,
    Ended,
}

pub(in super::super) struct Session;

impl Specification for Session {
    type State = State;
    type Operation = Op;

    fn init() -> State {
        State::Unopened
    }

    fn apply(op: &Op, state: &State) -> (bool, State) {
        match (op, *state) {
            (Op::Open, State::Unopened) | (Op::Accepted, State::Open) => (true, State::Open),
            (Op::Revoke, State::Open)
            | (Op::Missing | Op::Refused, State::Ended)
            | (Op::End | Op::MayEnd, State::Open | State::Ended) => (true, State::Ended),
            (Op::MayEnd, State::Unopened) => (true, State::Unopened),
            (_, state) => (false, state),
        }
    }
}
