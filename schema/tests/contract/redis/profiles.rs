//! What nodes share of profiles: never older than what was published, and never waited for.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use portico_kernel::{LEASE, UserId};
use portico_schema::redis::{Ears, Profiles, Settings};
use portico_tests::{Proxy, Servers, eventually};
use portico_user::{Profile, SharedProfiles as _, User};

use super::{SHARED, command, settings};
use crate::values::account;

/// More than any of these tests keeps.
const MANY: u64 = 1_000_000;
/// Longer than an answer that nobody waits for takes on a busy machine.
const AT_ONCE: Duration = Duration::from_secs(1);

fn ann(version: i64) -> User {
    User { version, ..account("ann@example.com").user }
}

fn at(user: &User, version: i64) -> User {
    User { version, ..user.clone() }
}

/// A node whose connection is old enough to be believed.
async fn node(url: &str) -> Profiles {
    let settings = Settings { timeout: Duration::from_millis(500), ..settings(url) };
    let node = Profiles::connect(&settings, Ears::default(), MANY).await.unwrap();
    tokio::time::sleep(LEASE).await;
    node
}

fn key(id: UserId) -> String {
    format!("portico:{{{id}}}:profile")
}

#[tokio::test]
async fn what_one_node_filled_another_finds_for_a_minute() {
    let (here, there, ann) = (node(SHARED.redis_url()).await, node(SHARED.redis_url()).await, ann(3));

    here.fill(&ann).await;

    assert_eq!(there.get(ann.id).await, Some(Profile::User(ann.clone())));
    let left: u64 = command(&SHARED, &["PTTL", &key(ann.id)]).parse().unwrap();
    assert!((50_000..=60_000).contains(&left), "{left}");
    assert_eq!(there.get(UserId::new()).await, None);
}

#[tokio::test]
async fn nothing_older_takes_the_place_of_what_is_known() {
    let (node, ann) = (node(SHARED.redis_url()).await, ann(5));
    node.publish(Profile::User(ann.clone())).await;

    node.fill(&at(&ann, 4)).await;
    node.publish(Profile::User(at(&ann, 4))).await;
    node.publish(Profile::Deleted(ann.id, 4)).await;
    node.publish(Profile::Changed(ann.id, 5)).await;

    assert_eq!(node.get(ann.id).await, Some(Profile::User(ann)));
}

#[tokio::test]
async fn a_deleted_user_stays_deleted_whatever_comes_late_and_is_forgotten_with_its_time() {
    let (node, ann) = (node(SHARED.redis_url()).await, ann(5));

    node.publish(Profile::Deleted(ann.id, 6)).await;
    for late in [at(&ann, 4), ann.clone(), at(&ann, 6)] {
        node.fill(&late).await;
    }

    assert_eq!(node.get(ann.id).await, Some(Profile::Deleted(ann.id, 6)));
    let left: u64 = command(&SHARED, &["PTTL", &key(ann.id)]).parse().unwrap();
    assert!((50_000..=60_000).contains(&left), "{left}");
}

#[tokio::test]
async fn a_change_that_is_only_known_to_be_one_gives_way_to_how_the_user_is_since() {
    let (node, ann) = (node(SHARED.redis_url()).await, ann(5));
    node.fill(&ann).await;

    node.publish(Profile::Changed(ann.id, 6)).await;
    node.fill(&ann).await;
    let changed = node.get(ann.id).await;
    node.fill(&at(&ann, 6)).await;

    assert_eq!(changed, Some(Profile::Changed(ann.id, 6)));
    assert_eq!(node.get(ann.id).await, Some(Profile::User(at(&ann, 6))));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_nodes_that_race_to_update_none_has_the_version_go_back() {
    const VERSIONS: i64 = 400;
    let (ann, next) = (ann(1), Arc::new(AtomicI64::new(1)));
    let mut nodes = tokio::task::JoinSet::new();
    for _ in 0..3 {
        let (node, ann, next) = (node(SHARED.redis_url()).await, ann.clone(), Arc::clone(&next));
        nodes.spawn(async move {
            let mut seen = 0;
            loop {
                let version = next.fetch_add(1, Ordering::SeqCst);
                if version > VERSIONS {
                    return;
                }
                match version % 3 {
                    0 => node.publish(Profile::Changed(ann.id, version)).await,
                    1 => node.publish(Profile::User(at(&ann, version))).await,
                    _ => node.fill(&at(&ann, version - 2)).await, // it was read before the last change
                }
                let found = node.get(ann.id).await.expect("it was told of").version();
                assert!(found >= seen, "{found} after {seen}");
                assert!(version % 3 == 2 || found >= version, "{found} after {version} was published");
                seen = found;
            }
        });
    }
    nodes.join_all().await;
}

#[tokio::test]
async fn a_node_keeps_no_more_than_it_may() {
    let fills_max = 3;
    let settings = settings(SHARED.redis_url());
    let node = Profiles::connect(&settings, Ears::default(), fills_max).await.unwrap();
    tokio::time::sleep(LEASE).await;
    let users: Vec<_> = (0..5).map(|_| ann(1)).collect();

    for user in &users {
        node.fill(user).await;
    }

    let mut kept = 0;
    for user in &users {
        kept += u64::from(node.get(user.id).await.is_some());
    }
    assert_eq!(kept, fills_max);
    node.publish(Profile::User(at(&users[4], 2))).await;
    assert!(node.get(users[4].id).await.is_some(), "a change is told all the same");
}

#[tokio::test]
async fn a_server_that_is_full_keeps_nothing_older_either() {
    let servers = Servers::own(&["redis"]);
    let (node, ann) = (node(servers.redis_url()).await, ann(1));
    node.fill(&ann).await;

    assert_eq!(command(&servers, &["CONFIG", "SET", "maxmemory", "1"]), "OK");
    node.publish(Profile::User(at(&ann, 2))).await;

    assert_eq!(node.get(ann.id).await, None);
}

/// What is asked while the server is killed or stopped, and what is there when it is back: nobody waited, and of the change
/// that was made meanwhile no node is told anything older.
async fn away_and_back(servers: &Servers, goes: impl FnOnce(), comes: impl FnOnce()) {
    let (here, there, ann) = (node(servers.redis_url()).await, node(servers.redis_url()).await, ann(1));
    here.fill(&ann).await;
    assert!(there.get(ann.id).await.is_some());

    goes();
    let asked = Instant::now();
    here.publish(Profile::User(at(&ann, 2))).await;
    let told = [here.get(ann.id).await, there.get(ann.id).await];
    let answered = asked.elapsed();
    eventually("the loss", || async { there.check().await.is_err().then_some(()) }).await;
    let asked = Instant::now();
    let lost = there.get(ann.id).await;
    let refused = asked.elapsed();
    comes();

    assert_eq!((told, lost), ([None, None], None));
    assert!(answered < 3 * AT_ONCE && refused < AT_ONCE, "{answered:?}, {refused:?}");
    for node in [&here, &there] {
        // A server that goes on has the change itself, in what it had not read yet.
        let newer = eventually("what became of it", || node.get(ann.id)).await;
        assert_eq!(newer.version(), 2, "{newer:?}");
    }
    there.fill(&at(&ann, 2)).await;
    assert_eq!(here.get(ann.id).await, Some(Profile::User(at(&ann, 2))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_is_done_without_and_tells_nothing_older_when_it_is_back() {
    let servers = Servers::own(&["redis"]);

    away_and_back(&servers, || servers.kill("redis"), || servers.up("redis")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_stopped_is_done_without_and_tells_nothing_older_when_it_goes_on() {
    let servers = Servers::own(&["redis"]);

    away_and_back(&servers, || servers.pause("redis"), || servers.resume("redis")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_lost_the_server_alone_believes_nothing_of_what_it_changed_meanwhile() {
    let (credentials, server) = SHARED.redis_url().rsplit_once('@').unwrap();
    let way = Proxy::to(server.parse().unwrap()).await;
    let here = node(&format!("{credentials}@{}", way.address())).await;
    let (there, ann) = (node(SHARED.redis_url()).await, ann(1));
    here.fill(&ann).await;

    way.block();
    way.cut();
    here.publish(Profile::User(at(&ann, 2))).await;
    let meanwhile = there.get(ann.id).await;
    way.unblock();

    assert_eq!(meanwhile, Some(Profile::User(ann.clone())), "nobody has told the server");
    let told = eventually("an answer", || here.get(ann.id)).await;
    assert_eq!(told, Profile::Changed(ann.id, 2));
    assert_eq!(there.get(ann.id).await, Some(Profile::Changed(ann.id, 2)));
}

#[tokio::test]
async fn a_server_that_comes_later_is_used_then_and_one_that_never_will_do_is_refused() {
    let servers = Servers::own(&["redis"]);
    servers.kill("redis");
    let settings = Settings { timeout: Duration::from_millis(500), ..settings(servers.redis_url()) };
    let (node, ann) = (Profiles::connect(&settings, Ears::default(), MANY).await.unwrap(), ann(1));
    let before = node.get(ann.id).await;

    servers.up("redis");
    let found = eventually("a profile", || async {
        node.fill(&ann).await;
        node.get(ann.id).await
    });

    assert_eq!((before, found.await), (None, Profile::User(ann)));
    let (_, server) = servers.redis_url().split_once('@').unwrap();
    let wrong = Settings { url: format!("redis://default:wrong@{server}").into(), ..settings };
    let refused = Profiles::connect(&wrong, Ears::default(), MANY).await.map(drop).unwrap_err();
    assert_eq!((refused.key, refused.passes), ("url", false), "{refused}");
}
