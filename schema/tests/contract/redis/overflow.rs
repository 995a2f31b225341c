//! More changes at once than a node can keep until it hears them.

use std::{sync::Arc, thread, time::Duration};

use futures_util::{StreamExt as _, stream};
use portico_kernel::{SystemClock, UserId, testkit::supervise};
use portico_schema::redis::{Ears, Sessions};
use portico_session::{ClientInfo, Create, Error, Lifetimes, Limits, Store as _, TokenHash, Validate, View};
use portico_tests::{Servers, eventually};

use super::{command, settings};

/// More than wait to be heard (`CHANGES_MAX`).
const CHANGES: usize = 6_000;

/// Has the server tell of a change to `first` and then to each of `rest`, all at once.
fn change(servers: &Servers, first: &str, rest: &[String]) {
    let script = "redis.call('DEL', ARGV[1]) for i = 2, #ARGV do redis.call('SET', ARGV[i], '', 'PX', 60000) end";
    let keys: Vec<_> = [first].into_iter().chain(rest.iter().map(String::as_str)).collect();
    command(servers, &[&["EVAL", script, "0"], keys.as_slice()].concat());
}

#[actix_rt::test]
async fn when_more_changes_come_than_can_wait_to_be_heard_nothing_of_before_is_trusted() {
    let servers = Servers::own(&["redis"]);
    let (view, watch) = View::watched(10);
    let ears = Ears { sessions: Some(watch), ..Ears::default() };
    let store = Arc::new(Sessions::connect(&settings(servers.redis_url()), ears).await.unwrap());
    let (ann, hour) = (UserId::new(), time::Duration::HOUR);
    let limits = Limits { lifetimes: Lifetimes { idle: hour, absolute: hour }, per_user_max: 10 };
    let actor = supervise({
        let (store, view) = (Arc::clone(&store), view.clone());
        move || portico_session::Sessions::new(store.clone(), Arc::new(SystemClock), limits, view.clone())
    });
    let opened = actor.ask().ask(Create { user: ann, epoch: 1, client: ClientInfo::default() }).await.unwrap();
    let validate = View::validator(view.clone(), Arc::new(SystemClock), actor.ask());
    let check = || validate.ask(Validate { token: opened.token.clone() });
    check().await.unwrap();
    let others: Vec<_> = (0..CHANGES).map(|n| format!("portico:token:{}", hex::encode(hash(n).0))).collect();
    let asked = stream::iter(0..CHANGES).map(|n| store.find(hash(n))).buffer_unordered(64);
    asked
        .for_each(|found| {
            let _: () = assert_eq!(found.unwrap(), None);
            std::future::ready(())
        })
        .await;
    assert_eq!(view.len(), 1);

    change(&servers, &format!("portico:{{{ann}}}:session:{}", opened.session.id), &others);
    thread::sleep(Duration::from_millis(200)); // this thread hears nothing meanwhile: all of it waits
    let refused = || async { matches!(check().await, Err(Error::Dead)).then_some(()) };

    let soon = tokio::time::timeout(Duration::from_secs(10), eventually("a refusal", refused)).await;
    assert!(soon.is_ok(), "its own change was not among those that were kept");
}

/// Of a token that opens nothing.
fn hash(number: usize) -> TokenHash {
    let mut hash = [7; 32];
    hash[..8].copy_from_slice(&number.to_be_bytes());
    TokenHash(hash)
}
