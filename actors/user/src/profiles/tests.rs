//! The profiles under readings, changes and evictions that overlap in every possible way.

mod nodes;

use proptest::prelude::*;
use time::OffsetDateTime;

use super::*;
use crate::{Email, Name};

const READERS: usize = 3;

fn user(id: UserId, version: i64) -> User {
    User {
        id,
        name: Name::parse("Ann").unwrap(),
        email: Email::parse("ann@example.com").unwrap(),
        created_at: OffsetDateTime::UNIX_EPOCH,
        updated_at: OffsetDateTime::UNIX_EPOCH,
        version,
    }
}

/// What is done at once where nothing is shared.
fn at_once<T>(work: impl Future<Output = T>) -> T {
    work.now_or_never().expect("nobody else is asked")
}

/// A step of one of several readers, or of whoever changes the user. Each takes its steps in order; between them anything
/// may happen.
#[derive(Debug, Clone, Copy)]
enum Step {
    BeginReading(usize),
    ReadStore(usize),
    Keep(usize),
    /// A change is in the store.
    Commit,
    /// All changes in the store have been acknowledged.
    Acknowledge,
    /// The same, and the last of them was answered by an error, though it is in the store.
    Forget,
    /// The cache needs the room.
    Evict,
}

fn step() -> impl Strategy<Value = Step> {
    let any = 0..READERS;
    prop_oneof![
        2 => any.clone().prop_map(Step::BeginReading),
        2 => any.clone().prop_map(Step::ReadStore),
        2 => any.prop_map(Step::Keep),
        2 => Just(Step::Commit),
        2 => Just(Step::Acknowledge),
        1 => Just(Step::Forget),
        2 => Just(Step::Evict),
    ]
}

/// One user, who is read and changed.
struct World {
    profiles: Profiles,
    id: UserId,
    /// The version in the store.
    stored: i64,
    /// The latest version that is published.
    published: i64,
    readers: [Option<(Reading, Option<i64>)>; READERS],
}

impl World {
    fn new() -> Self {
        Self { profiles: Profiles::new(10), id: UserId::new(), stored: 1, published: 1, readers: [None; READERS] }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::BeginReading(reader) => self.readers[reader] = Some((self.profiles.reading(self.id), None)),
            Step::ReadStore(reader) => {
                if let Some((_, found @ None)) = &mut self.readers[reader] {
                    *found = Some(self.stored);
                }
            }
            Step::Keep(reader) => {
                if let Some((reading, Some(found))) = self.readers[reader].take() {
                    at_once(self.profiles.keep(&user(self.id, found), reading));
                }
            }
            Step::Commit => self.stored += 1,
            Step::Acknowledge | Step::Forget => {
                for version in self.published + 1..=self.stored {
                    at_once(self.profiles.publish(&user(self.id, version)));
                }
                self.published = self.stored;
                if let Step::Forget = step {
                    at_once(self.profiles.forget(self.id, self.stored));
                }
            }
            Step::Evict => self.profiles.own.entries.invalidate(&self.id),
        }
    }

    fn served(&self) -> Option<i64> {
        self.profiles.get(self.id).map(|user| user.unwrap().version)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_version_is_served_once_a_newer_one_was_acknowledged(steps in prop::collection::vec(step(), 1..40)) {
        let mut world = World::new();

        for step in steps {
            world.take(step);

            let served = world.served();
            prop_assert!(served.is_none_or(|served| served >= world.published), "{served:?} of {}", world.published);
        }
    }
}

proptest! {
    #[test]
    fn the_newest_version_stays_in_whatever_order_they_come(versions in prop::collection::vec(1..20_i64, 1..30)) {
        let (profiles, id) = (Profiles::new(10), UserId::new());

        for version in &versions {
            at_once(profiles.publish(&user(id, *version)));
        }

        let newest = versions.into_iter().max().unwrap();
        prop_assert_eq!(profiles.get(id).unwrap().unwrap().version, newest);
    }

    #[test]
    fn a_deleted_user_stays_deleted_whatever_comes_late(before in 1..20_i64, late in prop::collection::vec(1..20_i64, 0..9)) {
        let (profiles, id) = (Profiles::new(10), UserId::new());
        at_once(profiles.publish(&user(id, before)));

        at_once(profiles.bury(id, 20));
        for version in late {
            at_once(profiles.publish(&user(id, version)));
        }

        prop_assert!(matches!(profiles.get(id), Some(Err(Error::Unknown))));
    }
}

#[test]
fn a_reading_that_nothing_races_is_served() {
    let mut world = World::new();

    for step in [Step::Commit, Step::Acknowledge, Step::Evict] {
        world.take(step);
    }
    for step in [Step::BeginReading, Step::ReadStore, Step::Keep] {
        world.take(step(0));
    }

    assert_eq!(world.served(), Some(2));
}

#[test]
fn what_was_read_before_a_deletion_is_not_kept_when_its_tombstone_is_gone() {
    let (profiles, id) = (Profiles::new(10), UserId::new());
    let reading = profiles.reading(id);

    at_once(profiles.bury(id, 2));
    profiles.own.entries.invalidate(&id);
    at_once(profiles.keep(&user(id, 1), reading));

    assert!(profiles.get(id).is_none());
}

#[test]
fn the_profiles_are_bounded() {
    let profiles = Profiles::new(100);

    for _ in 0..1_000 {
        at_once(profiles.publish(&user(UserId::new(), 1)));
    }

    profiles.own.entries.run_pending_tasks();
    assert_eq!(profiles.len(), 100);
}
