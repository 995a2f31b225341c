//! What is done to the sessions of one user, and what that is to each of them: the model is the one of a session
//! (`models::sessions`), since a history is linearizable if it is for each thing that it is of (Herlihy and Wing, theorem 1).

use crate::histories::models::{accounts::Number, sessions};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Op {
    /// Of one session alone.
    One(Number, sessions::Op),
    /// Ended all sessions that were open, but this one.
    EndOthers { keep: Number },
}

impl Op {
    /// What it is to a session; none if nothing.
    pub(super) fn on(self, session: Number) -> Option<sessions::Op> {
        match self {
            Self::One(number, op) => (number == session).then_some(op),
            // One that is opened only then may come after it.
            Self::EndOthers { keep } => (keep != session).then_some(sessions::Op::MayEnd),
        }
    }

    /// The session under which a request was accepted.
    pub(super) fn accepted(self) -> Option<Number> {
        match self {
            Self::One(number, sessions::Op::Accepted) => Some(number),
            _ => None,
        }
    }

    /// The same, of which nobody knows what it found.
    pub(super) fn unacknowledged(self) -> Self {
        match self {
            Self::One(number, sessions::Op::Revoke) => Self::One(number, sessions::Op::End),
            other => other,
        }
    }

    /// Whether it tells that a session has ended.
    pub(super) fn has_ended(self, session: Number) -> bool {
        let tells = |op| matches!(op, sessions::Op::Refused | sessions::Op::Missing);
        self.ends(session) || matches!(self, Self::One(number, op) if number == session && tells(op))
    }

    /// Whether a session that was open has ended after it.
    pub(super) fn ends(self, session: Number) -> bool {
        match self {
            Self::One(number, op) => number == session && matches!(op, sessions::Op::Revoke | sessions::Op::End),
            Self::EndOthers { keep } => keep != session,
        }
    }
}
