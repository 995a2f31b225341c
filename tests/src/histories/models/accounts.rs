//! Who has which address and password. All accounts of a history are one thing, since an address names at most one.

use std::collections::{BTreeMap, BTreeSet};

use todc_utils::Specification;

/// A user, address, password or idempotency key, by its number in the history.
pub(in super::super) type Number = usize;

#[derive(Debug, Clone)]
pub(in super::super) enum Op {
    /// 201; under a known key the account was there before.
    Register {
        user: Number,
        email: Number,
        password: Number,
        key: Option<Number>,
    },
    /// The address is taken.
    Taken {
        email: Number,
        key: Option<Number>,
    },
    /// A registration was repeated under its key; the password is wrong by now, or the account was deleted meanwhile.
    NotRepeated {
        key: Number,
        password: Number,
    },
    SignIn {
        user: Number,
        email: Number,
        password: Number,
    },
    Refused {
        email: Number,
        password: Number,
    },
    ChangePassword {
        user: Number,
        current: Number,
        new: Number,
    },
    ChangeEmail {
        user: Number,
        current: Number,
        email: Number,
    },
    EmailTaken {
        user: Number,
        current: Number,
        email: Number,
    },
    WrongPassword {
        user: Number,
        password: Number,
    },
    Delete {
        user: Number,
        password: Number,
    },
    /// A change or deletion found nobody.
    Gone {
        user: Number,
    },
}

/// Address and password of each user, and who was registered under which key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(in super::super) struct State {
    users: BTreeMap<Number, (Number, Number)>,
    keys: BTreeMap<Number, Number>,
    keys_of_deleted: BTreeSet<Number>,
}

impl State {
    fn has(&self, email: Number) -> bool {
        self.users.values().any(|(taken, _)| *taken == email)
    }

    fn proves(&self, user: Number, password: Number) -> bool {
        self.users.get(&user).is_some_and(|(_, right)| *right == password)
    }

    fn knows(&self, key: Option<Number>) -> Option<Number> {
        self.keys.get(&key?).copied()
    }
}

pub(in super::super) struct Accounts;

impl Specification for Accounts {
    type State = State;
    type Operation = Op;

    fn init() -> State {
        State::default()
    }

    fn apply(op: &Op, state: &State) -> (bool, State) {
        let mut next = state.clone();
        let is_right = match *op {
            Op::Register { user, email, password, key } => {
                if let Some(known) = state.knows(key) {
                    known == user && state.proves(user, password)
                } else {
                    next.users.insert(user, (email, password));
                    next.keys.extend(key.map(|key| (key, user)));
                    !state.has(email) && !state.users.contains_key(&user)
                }
            }
            Op::Taken { email, key } => state.has(email) && state.knows(key).is_none(),
            Op::NotRepeated { key, password } => {
                let is_wrong = state.knows(Some(key)).is_some_and(|user| !state.proves(user, password));
                is_wrong || state.keys_of_deleted.contains(&key)
            }
            Op::SignIn { user, email, password } => state.users.get(&user) == Some(&(email, password)),
            Op::Refused { email, password } => !state.users.values().any(|known| *known == (email, password)),
            Op::ChangePassword { user, current, new } => {
                next.users.entry(user).and_modify(|(_, password)| *password = new);
                state.proves(user, current)
            }
            Op::ChangeEmail { user, current, email } => {
                next.users.remove(&user);
                let is_free = !next.has(email);
                next.users.insert(user, (email, current));
                is_free && state.proves(user, current)
            }
            Op::EmailTaken { user, current, email } => {
                next.users.remove(&user);
                let is_taken = next.has(email);
                next = state.clone();
                is_taken && state.proves(user, current)
            }
            Op::WrongPassword { user, password } => state.users.contains_key(&user) && !state.proves(user, password),
            Op::Delete { user, password } => {
                next.users.remove(&user);
                next.keys.retain(|_, owner| *owner != user);
                next.keys_of_deleted.extend(state.keys.iter().filter(|(_, owner)| **owner == user).map(|(key, _)| key));
                state.proves(user, password)
            }
            Op::Gone { user } => !state.users.contains_key(&user),
        };
        (is_right, next)
    }
}
