//! A changed password has ended every other session before it answers, and of many changes at once one counts.

use std::sync::Arc;

use portico_tests::{Client, PASSWORD};
use serde_json::json;

use crate::{
    Uses, at_once, attempt, count, home,
    repeat::{Race, sign_in_again_and_again},
    sign_in, text,
};

const ROUNDS: usize = 4;
const SESSIONS: usize = 6;
/// How many clients sign in at the same time: so many that their passwords wait to be verified while another one changes.
const SIGN_INS: usize = 12;

/// Changes the password by this session.
async fn change(session: &Client, current: &str, new: &str) -> portico_tests::Answer {
    let change = json!({ "current_password": current, "new_password": new });
    session.patch("/me/update").json(&change).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_password_has_ended_all_other_sessions_before_it_answers() {
    let home = home();
    let node = home.up().await;

    for round in 0..ROUNDS {
        let ann = node.register(&format!("ann{round}")).await;
        let mut sessions = vec![Client::clone(&ann)];
        for _ in 1..SESSIONS {
            sessions.push(sign_in(&node, &ann).await);
        }
        let uses = Uses::begin(&sessions, "/me", 2);
        uses.warm().await;
        let changed = change(&ann, PASSWORD, "marble compass lantern").await;
        let (before, after) = uses.after().await;

        let token = changed.expect(200)["token"].clone();
        assert!(before.contains(&200), "the sessions were in use");
        assert!(after.iter().all(|status| *status == 401), "used after the change had been acknowledged: {after:?}");
        assert_eq!(
            ann.with_token(text(&token)).get("/me").await.status,
            200,
            "the changer goes on under a new session"
        );
        assert_eq!(attempt(&node.client(), &ann.email, PASSWORD).await.problem().1, "bad_credentials");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_sign_in_under_the_old_password_outlives_the_change_that_it_races() {
    let home = home().set("session.per_user_max", "100000"); // no sign-in ends the session that changes
    let node = home.up().await;

    for round in 0..ROUNDS {
        let (ann, race) = (node.register(&format!("ann{round}")).await, Arc::<Race>::default());
        let sign_ins = tokio::spawn({
            let (race, anybody, email) = (Arc::clone(&race), node.client(), ann.email.clone());
            at_once(SIGN_INS, move |_| sign_in_again_and_again(Arc::clone(&race), anybody.clone(), email.clone()))
        });
        race.under_way(SIGN_INS).await;
        let changed = change(&ann, PASSWORD, "marble compass lantern").await.expect(200);
        race.over();

        for answers in sign_ins.await.unwrap() {
            let (last, before) = answers.split_last().unwrap();
            assert_eq!(last.problem().1, "bad_credentials", "signed in after the change had been acknowledged");
            for answer in before.iter().filter(|answer| answer.status == 200) {
                let session = node.client().with_token(text(&answer.json()["token"]));
                assert_eq!(session.get("/session/verify").await.problem().1, "session_dead");
            }
        }
        assert_eq!(ann.with_token(text(&changed["token"])).get("/me").await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_passwords_that_are_changed_at_once_one_counts_and_one_session_is_left() {
    const CHANGES: usize = 30;
    let home = home();
    let node = home.up().await;
    let ann = node.register("ann").await;
    let mut sessions = vec![Client::clone(&ann)];
    for _ in 1..SESSIONS {
        sessions.push(sign_in(&node, &ann).await);
    }
    let password = |number: usize| format!("marble compass {number}");

    let answers = at_once(CHANGES, |number| {
        let (session, new) = (sessions[number % SESSIONS].clone(), password(number));
        async move { change(&session, PASSWORD, &new).await }
    })
    .await;
    let sign_ins = at_once(CHANGES, |number| {
        let (anybody, email, password) = (node.client(), ann.email.clone(), password(number));
        async move { attempt(&anybody, &email, &password).await }
    })
    .await;

    let refused = count(&answers, 401, "wrong_password") + count(&answers, 401, "session_dead");
    assert_eq!((count(&answers, 200, ""), refused), (1, CHANGES - 1), "{answers:?}");
    let winner = answers.iter().position(|answer| answer.status == 200).unwrap();
    let right: Vec<_> = (0..CHANGES).filter(|number| sign_ins[*number].status == 200).collect();
    assert_eq!(right, [winner], "the password that counts is the one that was acknowledged");
    for session in &sessions {
        assert_eq!(session.get("/me").await.problem().1, "session_dead");
    }
    let winner = ann.with_token(text(&answers[winner].json()["token"]));
    let listed = winner.get("/me/sessions").await.expect(200);
    assert_eq!(listed.as_array().unwrap().len(), 2, "the winner's, and the sign-in with the new password: {listed}");
}
