//! A revoked session is accepted by no request that begins after the revocation was acknowledged.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use portico_tests::{Account, Answer, Client, Node, PASSWORD};

use crate::{Uses, at_once, attempt, count, home, sign_in, text};

const ROUNDS: usize = 8;
const TASKS: usize = 4;

/// Has a session in constant use ended by `end` of the session, its id and its owner, again and again.
async fn hold(end: impl AsyncFn(&Client, &str, &Account) -> Answer) {
    let home = home();
    let node = home.up().await;
    let ann = node.register("ann").await;
    let done = Arc::new(AtomicBool::new(false));
    let others = tokio::spawn(come_and_go(node.client(), Client::clone(&ann), ann.email.clone(), Arc::clone(&done)));

    for _ in 0..ROUNDS {
        let (session, id) = open(&node, &ann).await;
        let uses = Uses::begin(std::slice::from_ref(&session), "/session/verify", TASKS);
        uses.warm().await;
        let ended = end(&session, &id, &ann).await;
        let (before, after) = uses.after().await;

        assert_eq!(ended.status, 204);
        assert!(before.contains(&204), "the session was in use");
        assert!(after.iter().all(|status| *status == 401), "used after its end had been acknowledged: {after:?}");
        assert_eq!(ann.get("/me").await.status, 200, "nobody else's session ended");
    }
    done.store(true, Ordering::Release);
    assert!(others.await.unwrap() > 0, "no other session ended meanwhile");
}

/// Opens and ends other sessions of the same user until it is told to stop, so that no view of them stays good for long.
async fn come_and_go(anybody: Client, ann: Client, email: String, done: Arc<AtomicBool>) -> usize {
    let mut ended = 0;
    while !done.load(Ordering::Acquire) {
        let other = attempt(&anybody, &email, PASSWORD).await.expect(200);
        let revoked = ann.delete(&format!("/me/sessions/{}", text(&other["session"]["id"]))).await;
        ended += usize::from(revoked.status == 204); // unless all others were revoked meanwhile
    }
    ended
}

/// A fresh session and its id.
async fn open(node: &Node, ann: &Account) -> (Client, String) {
    let session = sign_in(node, ann).await;
    let listed = session.get("/me/sessions").await.expect(200);
    let current = listed.as_array().unwrap().iter().find(|session| session["current"] == true).unwrap();
    (session, text(&current["id"]).to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_was_revoked_is_accepted_no_more() {
    hold(async |_, id, ann| ann.delete(&format!("/me/sessions/{id}")).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_was_revoked_with_all_others_is_accepted_no_more() {
    hold(async |_, _, ann| ann.delete("/me/sessions").await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_signed_out_is_accepted_no_more() {
    hold(async |session, _, _| session.delete("/logout").await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_revocations_of_one_session_at_once_one_finds_it() {
    const REVOCATIONS: usize = 60;
    let home = home();
    let node = home.up().await;
    let ann = node.register("ann").await;
    let by = [Client::clone(&ann), sign_in(&node, &ann).await, sign_in(&node, &ann).await];
    let (session, id) = open(&node, &ann).await;
    session.get("/me").await.expect(200);

    let answers = at_once(REVOCATIONS, |number| {
        let (by, session, path) = (by[number % by.len()].clone(), session.clone(), format!("/me/sessions/{id}"));
        async move { (by.delete(&path).await, session.get("/session/verify").await) }
    })
    .await;

    let (revoked, after): (Vec<_>, Vec<_>) = answers.into_iter().unzip();
    let found = (count(&revoked, 204, ""), count(&revoked, 404, "session_unknown"));
    assert_eq!(found, (1, REVOCATIONS - 1), "{revoked:?}");
    assert_eq!(count(&after, 401, "session_dead"), REVOCATIONS, "whoever was answered finds it dead: {after:?}");
}
