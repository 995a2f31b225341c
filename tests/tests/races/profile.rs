//! No cache serves an older version to a request that begins after a newer one was acknowledged.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use image::ImageFormat;
use portico_tests::{Client, Home, PASSWORD, pictures};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{at_once, home, sign_in, text};

const READERS: usize = 6;
/// More users than a small cache holds, and than it takes in before it forgets some.
const OTHERS: usize = 80;
/// Those who read others, so that a small cache has to forget whom it knows.
const BROWSERS: usize = 6;

/// What nobody may read any more once a later version was acknowledged.
#[derive(Default)]
struct Versions {
    acknowledged: AtomicU64,
    done: AtomicBool,
}

/// Has `read` read versions until all are written, and answers how many reads there were. Each must be at least what had
/// been acknowledged when it began.
async fn watch(versions: Arc<Versions>, read: impl AsyncFn(usize) -> u64) -> usize {
    let mut reads = 0;
    while !versions.done.load(Ordering::Acquire) {
        let acknowledged = versions.acknowledged.load(Ordering::Acquire);
        let seen = read(reads).await;
        assert!(seen >= acknowledged, "version {seen} was served after {acknowledged} had been acknowledged");
        reads += 1;
    }
    reads
}

/// Registers somebody, and answers their id.
async fn register(anybody: Client, number: usize) -> String {
    let new = json!({ "name": "Other", "email": format!("other{number}@example.com"), "password": PASSWORD });
    text(&anybody.post("/reg?transport=bearer").json(&new).await.expect(201)["user"]["id"]).to_owned()
}

/// Somebody changes their name again and again, while many read it, under their own and others' sessions.
async fn names_never_go_back(home: Home) {
    const CHANGES: u64 = 80;
    let node = home.up().await;
    let (ann, ben) = (node.register("ann").await, node.register("ben").await);
    let others: Arc<[String]> = at_once(OTHERS, |number| register(node.client(), number)).await.into();
    ann.patch("/me/update").json(&json!({ "name": "0" })).await.expect(200);
    let (versions, mut readers) = (Arc::new(Versions::default()), JoinSet::new());
    for reader in 0..READERS {
        let (client, path) = match reader % 3 {
            0 => (sign_in(&node, &ann).await, "/me".to_owned()),
            _ => (Client::clone(&ben), format!("/users/id/{}", ann.id)),
        };
        readers.spawn(watch(Arc::clone(&versions), async move |_| {
            client.get(&path).await.expect(200)["name"].as_str().unwrap().parse().unwrap()
        }));
    }
    for browser in 0..BROWSERS {
        let (client, others) = (Client::clone(&ben), Arc::clone(&others));
        readers.spawn(watch(Arc::clone(&versions), async move |number| {
            let other = &others[(number * BROWSERS + browser) % OTHERS];
            client.get(&format!("/users/id/{other}")).await.expect(200);
            u64::MAX // no version of the one who changes
        }));
    }

    for version in 1..=CHANGES {
        let changed = ann.patch("/me/update").json(&json!({ "name": version.to_string() })).await.expect(200);
        assert_eq!(changed["name"], version.to_string());
        versions.acknowledged.store(version, Ordering::Release);
    }
    versions.done.store(true, Ordering::Release);

    let reads: Vec<usize> = readers.join_all().await;
    assert!(reads.iter().all(|reads| *reads > 0), "everybody read: {reads:?}");
    assert_eq!(ann.get("/me").await.expect(200)["name"], CHANGES.to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_older_name_is_served_after_a_newer_one_was_acknowledged() {
    names_never_go_back(home()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_older_name_is_served_by_a_cache_that_forgets_all_the_time() {
    names_never_go_back(home().set("user.cache_max", "1")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_fewer_photos_are_told_of_after_more_were_acknowledged() {
    const UPLOADS: u64 = 30;
    let home = home();
    let node = home.up().await;
    let (ann, ben) = (node.register("ann").await, node.register("ben").await);
    let (versions, mut readers) = (Arc::new(Versions::default()), JoinSet::new());
    for reader in 0..READERS {
        let (client, path) = match reader % 2 {
            0 => (sign_in(&node, &ann).await, "/me".to_owned()),
            _ => (Client::clone(&ben), format!("/users/id/{}", ann.id)),
        };
        let count = |answer: &Value| answer["photo_count"].as_u64().unwrap();
        readers.spawn(watch(Arc::clone(&versions), async move |_| count(&client.get(&path).await.expect(200))));
    }

    for upload in 1..=UPLOADS {
        let width = 16 + u32::try_from(upload).unwrap();
        ann.upload(pictures::picture(width, 16, ImageFormat::Png)).await;
        versions.acknowledged.store(upload, Ordering::Release);
    }
    versions.done.store(true, Ordering::Release);

    let reads: Vec<usize> = readers.join_all().await;
    assert!(reads.iter().all(|reads| *reads > 0), "everybody read: {reads:?}");
}
