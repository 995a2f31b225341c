//! An address, and an idempotency key, open one account at the most.

use portico_tests::{Answer, PASSWORD, histories::number};
use serde_json::json;

use crate::{at_once, attempt, count, home, ids, text};

const RACERS: usize = 100;

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_registrations_of_one_address_open_one_account() {
    let home = home();
    let node = home.up().await;
    let anybody = node.client();
    let password = |racer: usize| format!("{PASSWORD} {racer}");

    let answers = at_once(RACERS, |racer| {
        let email = if racer % 2 == 0 { "ann@example.com" } else { "ANN@example.com" };
        let new = json!({ "name": format!("Racer {racer}"), "email": email, "password": password(racer) });
        let anybody = anybody.clone();
        async move { anybody.post("/reg?transport=bearer").json(&new).await }
    })
    .await;
    let sign_ins = at_once(RACERS, |racer| {
        let (anybody, password) = (anybody.clone(), password(racer));
        async move { attempt(&anybody, "ann@example.com", &password).await }
    })
    .await;

    assert_eq!((count(&answers, 201, ""), count(&answers, 409, "email_taken")), (1, RACERS - 1), "{answers:?}");
    assert_eq!((count(&sign_ins, 200, ""), count(&sign_ins, 401, "bad_credentials")), (1, RACERS - 1));
    let winner = answers.iter().position(|answer| answer.status == 201).unwrap();
    assert_eq!(sign_ins[winner].status, 200, "the password that counts is the winner's");
    let me = node.client().with_token(text(&answers[winner].json()["token"])).get("/me").await.expect(200);
    assert_eq!(me["name"], format!("Racer {winner}"));
    assert_eq!(number(&home, "user.db", "SELECT count(*) FROM users").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idempotency_key_that_registers_a_hundred_times_at_once_opens_one_account() {
    const KEYS: usize = 4;
    let home = home().set("session.per_user_max", "1000"); // each repeat opens one
    let node = home.up().await;
    let anybody = node.client();
    let register = |key: usize| {
        let new = json!({ "name": "Ann", "email": format!("ann{key}@example.com"), "password": PASSWORD });
        let call = anybody.post("/reg?transport=bearer").header("idempotency-key", &format!("once-{key}")).json(&new);
        call.into_future()
    };
    let mut sessions = 0;

    for key in 0..KEYS {
        let mut answers: Vec<Answer> = at_once(RACERS, |_| register(key)).await;
        answers.push(register(key).await);

        let (opened, busy) = (count(&answers, 201, ""), count(&answers, 409, "idempotency_key_in_progress"));
        assert_eq!(opened + busy, RACERS + 1, "{answers:?}");
        assert_eq!(answers.last().unwrap().status, 201, "a repeat after the race is answered like the first");
        assert_eq!(ids(&answers, "/user/id").len(), 1, "all of them are told of the same account");
        sessions += opened as u64;
    }

    assert_eq!(number(&home, "user.db", "SELECT count(*) FROM users").await, KEYS as u64);
    assert_eq!(number(&home, "session.db", "SELECT count(*) FROM sessions").await, sessions);
}
