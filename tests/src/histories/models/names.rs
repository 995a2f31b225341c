//! The name of one user, as everybody reads it.

use todc_utils::Specification;

#[derive(Debug, Clone)]
pub(in super::super) enum Op {
    /// Registered; of several repeats under a key the first one counts.
    Create(usize),
    Change(usize),
    Read(usize),
    Delete,
    /// There is no such user.
    Gone,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in super::super) enum State {
    Unknown,
    Named(usize),
    Deleted,
}

pub(in super::super) struct Name;

impl Specification for Name {
    type State = State;
    type Operation = Op;

    fn init() -> State {
        State::Unknown
    }

    fn apply(op: &Op, state: &State) -> (bool, State) {
        match (op, state) {
            (Op::Create(name), State::Unknown) | (Op::Change(name), State::Named(_)) => (true, State::Named(*name)),
            (Op::Delete, State::Named(_)) => (true, State::Deleted),
            (Op::Create(_), State::Named(_)) | (Op::Gone, State::Deleted) => (true, state.clone()),
            (Op::Read(read), State::Named(name)) => (read == name, state.clone()),
            _ => (false, state.clone()),
        }
    }
}
