//! The photos of one user.

use std::collections::{BTreeMap, BTreeSet};

use todc_utils::Specification;

use super::accounts::Number;

/// How many photos a user may have.
pub(in super::super) const QUOTA: usize = 2;

#[derive(Debug, Clone)]
pub(in super::super) enum Op {
    /// 201; under a known key the photo was there before.
    Upload {
        photo: Number,
        key: Option<Number>,
    },
    QuotaReached {
        key: Option<Number>,
    },
    /// Repeated under a key whose photo has been deleted since.
    NotRepeated {
        key: Number,
    },
    Delete {
        photo: Number,
    },
    Found {
        photo: Number,
    },
    /// There is no such photo.
    Missing {
        photo: Number,
    },
    List {
        photos: BTreeSet<Number>,
    },
    /// How many there are, as profiles tell.
    Count {
        count: usize,
    },
    /// The account was deleted; its photos follow.
    Bury,
}

impl Op {
    /// Answered from a cache of summaries.
    pub(in super::super) fn is_summary(&self) -> bool {
        matches!(self, Self::Count { .. })
    }

    /// Not only looked at.
    pub(in super::super) fn is_change(&self) -> bool {
        matches!(self, Self::Upload { .. } | Self::Delete { .. } | Self::Bury)
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(in super::super) struct State {
    photos: BTreeSet<Number>,
    keys: BTreeMap<Number, Number>,
    is_buried: bool,
}

pub(in super::super) struct Photos;

impl Specification for Photos {
    type State = State;
    type Operation = Op;

    fn init() -> State {
        State::default()
    }

    fn apply(op: &Op, state: &State) -> (bool, State) {
        let mut next = state.clone();
        let known = |key: &Option<Number>| state.keys.get(key.as_ref()?).copied();
        let is_right = match op {
            Op::Upload { photo, key } => {
                if let Some(known) = known(key) {
                    known == *photo && state.photos.contains(photo)
                } else {
                    next.keys.extend(key.map(|key| (key, *photo)));
                    next.photos.insert(*photo) && state.photos.len() < QUOTA && !state.is_buried
                }
            }
            Op::QuotaReached { key } => known(key).is_none() && state.photos.len() >= QUOTA,
            Op::NotRepeated { key } => known(&Some(*key)).is_some_and(|photo| !state.photos.contains(&photo)),
            Op::Delete { photo } => next.photos.remove(photo),
            Op::Found { photo } => state.photos.contains(photo),
            Op::Missing { photo } => !state.photos.contains(photo),
            Op::List { photos } => *photos == state.photos,
            Op::Count { count } => *count == state.photos.len(),
            Op::Bury => {
                next = State { is_buried: true, ..State::default() };
                true
            }
        };
        (is_right, next)
    }
}
