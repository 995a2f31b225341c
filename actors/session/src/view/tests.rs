//! The race that the view is built for: readings and revocations that overlap in every possible way.

use std::collections::HashMap;

use proptest::prelude::*;
use time::{Duration, macros::datetime};

use super::*;
use crate::{ClientInfo, SessionId};

const NOW: OffsetDateTime = datetime!(2026-01-01 12:00 UTC);
const USERS: usize = 2;
const SESSIONS_PER_USER: usize = 2;

/// A step of one of several readers and revokers. Each takes its steps in order; between them anything may happen.
#[derive(Debug, Clone, Copy)]
enum Step {
    BeginReading(usize),
    ReadStore(usize),
    Fill(usize),
    Commit(usize),
    Answer(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let any = 0..4_usize;
    prop_oneof![
        any.clone().prop_map(Step::BeginReading),
        any.clone().prop_map(Step::ReadStore),
        any.clone().prop_map(Step::Fill),
        any.clone().prop_map(Step::Commit),
        any.prop_map(Step::Answer),
    ]
}

#[derive(Default)]
struct Reader {
    reading: Option<Reading>,
    found: Option<bool>,
}

/// Sessions `0..4`; session `n` belongs to user `n / 2`, reader `n` reads it, and revoker `n` ends it.
struct World {
    view: View,
    sessions: Vec<Session>,
    alive: Vec<bool>,
    answered: Vec<bool>,
    readers: HashMap<usize, Reader>,
    revoking: HashMap<usize, Revoking>,
}

impl World {
    fn new() -> Self {
        let users: Vec<_> = (0..USERS).map(|_| UserId::new()).collect();
        let sessions: Vec<_> = (0..USERS * SESSIONS_PER_USER).map(|n| session(users[n / SESSIONS_PER_USER])).collect();
        Self {
            view: View::new(100),
            alive: vec![true; sessions.len()],
            answered: vec![false; sessions.len()],
            sessions,
            readers: HashMap::new(),
            revoking: HashMap::new(),
        }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::BeginReading(n) => {
                let reading = Some(self.view.reading());
                self.readers.insert(n, Reader { reading, found: None });
            }
            Step::ReadStore(n) => {
                let alive = self.alive[n];
                if let Some(reader) = self.readers.get_mut(&n) {
                    reader.found = reader.found.or(Some(alive));
                }
            }
            Step::Fill(n) => {
                if let Some(Reader { reading: Some(reading), found: Some(true) }) = self.readers.remove(&n) {
                    self.view.fill(hash(n), &self.sessions[n], NOW + Duration::MINUTE, reading);
                }
            }
            Step::Commit(n) => {
                self.revoking.entry(n).or_insert_with(|| self.view.revoking(self.sessions[n].user));
                self.alive[n] = false;
            }
            Step::Answer(n) => {
                if self.revoking.remove(&n).is_some() {
                    self.answered[n] = true;
                }
            }
        }
    }

    fn serves(&self, n: usize) -> bool {
        self.view.get(hash(n), NOW).is_some()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_revoked_session_is_never_served_once_its_revocation_has_answered(steps in prop::collection::vec(step(), 1..60)) {
        let mut world = World::new();

        for step in steps {
            world.take(step);

            for n in 0..world.sessions.len() {
                prop_assert!(!(world.answered[n] && world.serves(n)), "session {n} came back");
            }
        }
    }
}

#[test]
fn a_reading_that_nothing_races_is_served() {
    let mut world = World::new();

    for step in [Step::Commit(0), Step::Answer(0), Step::BeginReading(1), Step::ReadStore(1), Step::Fill(1)] {
        world.take(step);
    }

    assert!(world.serves(1), "the other session of the user");
    assert!(!world.serves(0));
}

#[test]
fn a_floor_stands_until_the_store_has_that_epoch_or_a_higher_one() {
    let (view, user) = (View::new(100), UserId::new());
    let of = |epoch| Session { epoch, ..session(user) };
    let admitted = || [1, 2, 3, 4].map(|epoch| view.admits(&of(epoch)));

    drop(view.raising(user, 3));
    let unknown = admitted();
    view.raising(user, 2).committed();
    let lower = admitted();
    view.raising(user, 4).committed();

    assert_eq!((unknown, lower), ([false, false, true, true], [false, false, true, true]));
    assert_eq!(admitted(), [true; 4], "from here on the store refuses by itself");
    assert!(view.admits(&session(UserId::new())), "others are not concerned");
}

#[test]
fn nothing_of_a_deleted_user_is_admitted() {
    let (view, user) = (View::new(100), UserId::new());

    drop(view.raising(user, crate::LAST_EPOCH));

    assert!(!view.admits(&Session { epoch: crate::LAST_EPOCH, ..session(user) }));
}

#[test]
fn an_entry_is_served_until_its_use_must_be_written_down_or_it_expires() {
    let view = View::new(100);
    let session = session(UserId::new());
    view.fill(hash(0), &session, NOW + Duration::MINUTE, view.reading());
    view.fill(hash(1), &session, NOW + Duration::WEEK, view.reading());

    let at = |n, after| view.get(hash(n), NOW + after).is_some();

    assert!(at(0, Duration::seconds(59)));
    assert!(!at(0, Duration::MINUTE), "its use is due to be written down");
    assert!(at(1, Duration::minutes(59)));
    assert!(!at(1, Duration::HOUR), "it has expired");
}

fn session(user: UserId) -> Session {
    Session {
        id: SessionId::new(),
        user,
        epoch: 1,
        created_at: NOW,
        last_seen_at: NOW,
        expires_at: NOW + Duration::HOUR,
        client: ClientInfo::default(),
    }
}

fn hash(n: usize) -> TokenHash {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&n.to_be_bytes());
    TokenHash(bytes)
}
