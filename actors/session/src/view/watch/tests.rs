//! A view, a store on the other side of a connection, and somebody else who ends sessions there: in every order.

use std::{
    collections::{HashSet, VecDeque},
    time::Duration,
};

use portico_kernel::LEASE;
use proptest::prelude::*;
use time::{OffsetDateTime, macros::datetime};

use super::*;
use crate::{ClientInfo, Session, SessionId, TokenHash, view::Reading};

const NOW: OffsetDateTime = datetime!(2026-01-01 12:00 UTC);
const FRESH_UNTIL: OffsetDateTime = datetime!(2026-01-01 13:00 UTC);
const SESSIONS: usize = 3;

/// What can happen next. Between two of them anything else may.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// The view's process asks for a session.
    Read(usize),
    /// It asks whether everything was told.
    Ask,
    /// The next thing that the server said arrives.
    Arrive,
    /// What was read is published.
    Fill(usize),
    /// Another process ends a session.
    End(usize),
    /// The connection is lost, and nobody knows yet.
    Cut,
    /// That is noticed, and there is a new one.
    Reconnect,
    Pass(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..SESSIONS).prop_map(Step::Read),
        3 => Just(Step::Ask),
        6 => Just(Step::Arrive),
        3 => (0..SESSIONS).prop_map(Step::Fill),
        1 => (0..SESSIONS).prop_map(Step::End),
        1 => Just(Step::Cut),
        1 => Just(Step::Reconnect),
        2 => (1..1500_u64).prop_map(Step::Pass),
    ]
}

/// What a server says on a connection, in this order and no other.
enum Said {
    Found(usize, Reading),
    Changed(usize),
    Complete(Instant),
}

struct World {
    view: View,
    watch: Watch,
    now: Instant,
    sessions: Vec<Session>,
    ended: [Option<Instant>; SESSIONS],
    is_cut: bool,
    tracked: HashSet<usize>,
    said: VecDeque<Said>,
    unpublished: [Option<Reading>; SESSIONS],
}

impl World {
    fn new() -> Self {
        let (view, watch) = View::watched(100);
        let sessions = (0..SESSIONS).map(|_| session()).collect();
        Self {
            view,
            watch,
            now: Instant::now(),
            sessions,
            ended: [None; SESSIONS],
            is_cut: false,
            tracked: HashSet::new(),
            said: VecDeque::new(),
            unpublished: [None; SESSIONS],
        }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Read(n) if !self.is_cut => {
                let reading = self.view.reading();
                self.tracked.insert(n);
                if self.ended[n].is_none() {
                    self.said.push_back(Said::Found(n, reading));
                }
            }
            Step::Ask if !self.is_cut => self.said.push_back(Said::Complete(self.now)),
            Step::Arrive => self.arrive(),
            Step::Fill(n) => {
                if let Some(reading) = self.unpublished[n].take() {
                    self.view.fill(hash(n), &self.sessions[n], FRESH_UNTIL, reading);
                }
            }
            Step::End(n) => {
                self.ended[n].get_or_insert(self.now);
                if self.tracked.remove(&n) {
                    self.said.push_back(Said::Changed(n));
                }
            }
            Step::Cut => {
                self.is_cut = true;
                self.tracked.clear();
                self.said.clear();
            }
            Step::Reconnect if self.is_cut => {
                self.watch.lost();
                self.is_cut = false;
            }
            Step::Pass(milliseconds) => self.now += Duration::from_millis(milliseconds),
            Step::Read(_) | Step::Ask | Step::Reconnect => {}
        }
    }

    fn arrive(&mut self) {
        match self.said.pop_front() {
            Some(Said::Found(n, reading)) => self.unpublished[n] = Some(reading),
            Some(Said::Changed(n)) => self.watch.changed(self.sessions[n].user),
            Some(Said::Complete(asked)) => self.watch.complete(asked),
            None => {}
        }
    }

    fn serves(&self, n: usize) -> bool {
        self.view.0.lease.as_ref().unwrap().holds(self.now) && self.view.look_up(hash(n), NOW).is_some()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn a_session_that_somebody_else_ended_is_served_for_a_lease_at_the_most(steps in prop::collection::vec(step(), 1..80)) {
        let mut world = World::new();

        for step in steps {
            world.take(step);

            for n in 0..SESSIONS {
                let is_over = world.ended[n].is_some_and(|ended| world.now >= ended + LEASE);
                prop_assert!(!(is_over && world.serves(n)), "session {n} is served after {step:?}");
            }
        }
    }
}

fn published() -> World {
    let mut world = World::new();
    for step in [Step::Read(0), Step::Ask, Step::Arrive, Step::Arrive, Step::Fill(0)] {
        world.take(step);
    }
    world
}

#[test]
fn what_was_read_is_served_once_it_is_vouched_for_and_no_longer_than_a_lease() {
    let mut world = World::new();
    for step in [Step::Read(0), Step::Arrive, Step::Fill(0)] {
        world.take(step);
    }
    let unvouched = world.serves(0);
    for step in [Step::Ask, Step::Arrive, Step::Pass(999)] {
        world.take(step);
    }
    let vouched = world.serves(0);

    world.take(Step::Pass(1));

    assert!(!unvouched && vouched && !world.serves(0));
}

#[test]
fn an_answer_vouches_from_when_it_was_asked_for_however_late_it_comes() {
    let mut world = published();

    for step in [Step::Ask, Step::Pass(1_500), Step::Arrive] {
        world.take(step);
    }

    assert!(!world.serves(0));
}

#[test]
fn a_change_that_is_told_is_felt_at_once_and_by_readings_that_are_under_way() {
    let mut world = published();
    for step in [Step::Read(0), Step::End(0), Step::Arrive, Step::Arrive] {
        world.take(step);
    }
    let told = world.serves(0);

    world.take(Step::Fill(0)); // it was read before the end

    assert!(!told && !world.serves(0));
}

#[test]
fn what_was_read_before_contact_was_lost_is_not_served_after_it() {
    let mut world = published();
    let before = world.serves(0);
    for step in [Step::Read(1), Step::Arrive, Step::Cut, Step::Reconnect, Step::Fill(1)] {
        world.take(step);
    }
    let lost = world.serves(0);

    for step in [Step::Ask, Step::Arrive] {
        world.take(step);
    }

    assert!(before && !lost && !world.serves(0) && !world.serves(1));
}

#[test]
fn a_session_that_was_not_read_from_the_store_is_not_taken() {
    let world = published();

    world.view.fill_kept(hash(1), &world.sessions[1], FRESH_UNTIL, world.view.reading());

    assert!(!world.serves(1));
}

fn session() -> Session {
    Session {
        id: SessionId::new(),
        user: UserId::new(),
        epoch: 1,
        created_at: NOW,
        last_seen_at: NOW,
        expires_at: FRESH_UNTIL,
        client: ClientInfo::default(),
    }
}

fn hash(n: usize) -> TokenHash {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&n.to_be_bytes());
    TokenHash(bytes)
}
