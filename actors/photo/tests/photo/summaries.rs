//! The read view: quick, and never older than what was acknowledged.

use std::sync::Arc;

use portico_kernel::{UserId, testkit::until};
use portico_photo::{Delete, PhotoId, Summarize};
use proptest::prelude::*;

use crate::{
    pictures,
    world::{World, world},
};

#[actix_rt::test]
async fn a_hot_owner_costs_the_store_one_read_until_something_changes() {
    let world = world();
    world.load(&pictures::jpeg(16, 16)).await.unwrap();
    let count = async || world.summaries.ask(Summarize { owner: world.owner }).await.unwrap().count;

    let counts = [count().await, count().await];
    world.load(&pictures::jpeg(16, 16)).await.unwrap();
    let after = [count().await, count().await];

    assert_eq!((counts, after), ([1, 1], [2, 2]));
    assert_eq!(*world.store.summaries_read.lock().unwrap(), 2);
}

#[derive(Debug, Clone, Copy)]
enum Step {
    /// Begins to read; what is not in the view waits within the store, with what it read already.
    Read,
    /// Lets one of the reads that wait go on.
    Answer,
    /// Deletes a photo; acknowledged before the next step.
    Change,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![3 => Just(Step::Read), 2 => Just(Step::Answer), 2 => Just(Step::Change)];
    prop::collection::vec(step, 1..24)
}

/// A world with `photos` rows whose content does not matter, and reads that wait.
async fn rows(photos: usize) -> (Arc<World>, Vec<PhotoId>) {
    let world = Arc::new(world());
    let photo = world.load(&pictures::jpeg(8, 8)).await.unwrap();
    let mut ids = vec![photo.id];
    {
        let mut rows = world.store.rows.lock().unwrap();
        for _ in 1..photos {
            let copy = portico_photo::Photo { id: PhotoId::new(), ..photo.clone() };
            ids.push(copy.id);
            rows.photos.insert(copy.id, copy);
        }
    }
    world.store.summaries.forget_permits(usize::MAX >> 3);
    (world, ids)
}

async fn count(world: &World, owner: UserId) -> u64 {
    world.summaries.ask(Summarize { owner }).await.unwrap().count
}

async fn run(steps: Vec<Step>) {
    let (world, mut photos) = rows(steps.len() + 1).await;
    let owner = world.owner;
    let mut reads = Vec::new();
    for step in steps {
        match step {
            Step::Read => {
                let (begun_with, seen) = (photos.len() as u64, *world.store.summaries_read.lock().unwrap());
                let read = actix_rt::spawn({
                    let world = Arc::clone(&world);
                    async move { count(&world, owner).await }
                });
                until("the read being answered or waiting", || {
                    read.is_finished() || *world.store.summaries_read.lock().unwrap() > seen
                })
                .await;
                reads.push((begun_with, read));
            }
            Step::Answer => {
                world.store.summaries.add_permits(1);
                tokio::task::yield_now().await;
            }
            Step::Change => {
                let photo = photos.pop().unwrap();
                world.photos.ask().ask(Delete { owner, photo }).await.unwrap();
            }
        }
    }
    world.store.summaries.add_permits(1000);
    for (begun_with, read) in reads {
        let count = read.await.unwrap();
        assert!(count <= begun_with, "{count} photos were told after {begun_with} was acknowledged");
        assert!(count >= photos.len() as u64);
    }
    assert_eq!(count(&world, owner).await, photos.len() as u64);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_summary_is_older_than_what_was_acknowledged_before_it_was_asked_for(steps in steps()) {
        actix_rt::System::new().block_on(run(steps));
    }
}
