//! A deleted account stays deleted, whatever signs in and uploads while it goes.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use image::ImageFormat;
use portico_tests::{Account, Answer, Client, Home, Node, PASSWORD, eventually, histories::number, pictures};
use serde_json::json;

use crate::{at_once, attempt, home, text};

const ROUNDS: usize = 4;
/// How many clients sign in, and how many upload, without a pause.
const CLIENTS: usize = 6;
/// How many attempts of each client must have been made before the account is deleted.
const BEFORE: usize = 3;
/// How many there may be, should nobody ever delete it.
const ATTEMPTS_MAX: usize = 5_000;

/// What the clients of a round know of each other.
#[derive(Default)]
struct Race {
    attempts: AtomicUsize,
    deleted: AtomicBool,
}

impl Race {
    /// Repeats `attempt` until one was begun after the deletion had been acknowledged; answers all, that one last.
    async fn run<F: Future<Output = Answer>>(&self, attempt: impl Fn(usize) -> F) -> Vec<Answer> {
        let (mut answers, mut last) = (Vec::new(), false);
        while !last {
            last = self.deleted.load(Ordering::Acquire) || answers.len() == ATTEMPTS_MAX;
            answers.push(attempt(answers.len()).await);
            self.attempts.fetch_add(usize::from(answers.len() == BEFORE), Ordering::AcqRel);
        }
        answers
    }

    async fn under_way(&self) {
        let begun = || std::future::ready((self.attempts.load(Ordering::Acquire) == 2 * CLIENTS).then_some(()));
        eventually("everybody to be at it", begun).await;
    }
}

async fn sign_in_again_and_again(race: Arc<Race>, anybody: Client, email: String) -> Vec<Answer> {
    race.run(|_| attempt(&anybody, &email, PASSWORD)).await
}

async fn upload_again_and_again(race: Arc<Race>, owner: Client, client: usize) -> Vec<Answer> {
    race.run(|number| {
        let width = 16 + u32::try_from(number % 64).unwrap();
        let upload = owner.post("/me/photos").header("idempotency-key", &format!("{client}.{number}"));
        let upload = upload.body("application/octet-stream", pictures::picture(width, 16, ImageFormat::Png));
        upload.into_future()
    })
    .await
}

/// Deletes an account while others sign in to it and upload to it.
async fn delete_under_load(node: &Node, name: &str) -> (Account, Vec<Vec<Answer>>, Vec<Vec<Answer>>) {
    let (ann, race) = (node.register(name).await, Arc::new(Race::default()));
    let sign_ins = tokio::spawn({
        let (race, anybody, email) = (Arc::clone(&race), node.client(), ann.email.clone());
        at_once(CLIENTS, move |_| sign_in_again_and_again(Arc::clone(&race), anybody.clone(), email.clone()))
    });
    let uploads = tokio::spawn({
        let (race, owner) = (Arc::clone(&race), Client::clone(&ann));
        at_once(CLIENTS, move |client| upload_again_and_again(Arc::clone(&race), owner.clone(), client))
    });
    race.under_way().await;
    ann.delete("/delete").json(&json!({ "password": PASSWORD })).await.expect(204);
    race.deleted.store(true, Ordering::Release);
    (ann, sign_ins.await.unwrap(), uploads.await.unwrap())
}

/// Waits until nothing of deleted accounts is left in the databases and among the files.
async fn nothing_is_left(home: &Home) {
    let left = async || {
        let rows = [
            number(home, "user.db", "SELECT count(*) FROM users WHERE name <> 'ben'").await,
            number(home, "user.db", "SELECT count(*) FROM outbox").await,
            number(home, "session.db", "SELECT count(*) FROM sessions").await - 1,
            number(home, "photo.db", "SELECT count(*) FROM photos").await,
            number(home, "photo.db", "SELECT count(*) FROM idempotency_keys").await,
            number(home, "photo.db", "SELECT count(*) FROM content_work").await,
        ];
        let content = |path: &std::path::PathBuf| {
            path.extension().is_some_and(|extension| extension == "orig" || extension == "thumb")
        };
        (rows == [0; 6] && !home.files().iter().any(content)).then_some(())
    };
    eventually("everything of the deleted accounts to go", left).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_left_of_an_account_that_is_deleted_while_others_sign_in_and_upload() {
    let home = home().set("session.per_user_max", "100000"); // no sign-in ends the session that deletes
    let node = home.up().await;
    let ben = node.register("ben").await;
    let (mut opened, mut kept) = (0, 0);

    for round in 0..ROUNDS {
        let (ann, sign_ins, uploads) = delete_under_load(&node, &format!("ann{round}")).await;

        for answers in &sign_ins {
            let (last, before) = answers.split_last().unwrap();
            assert_eq!(last.problem().1, "bad_credentials", "signed in after the deletion had been acknowledged");
            for answer in before {
                match answer.status {
                    200 => {
                        let session = ann.with_token(text(&answer.json()["token"]));
                        assert_eq!(session.get("/session/verify").await.problem().1, "session_dead");
                        opened += 1;
                    }
                    401 => assert!(["bad_credentials", "credentials_changed"].contains(&answer.problem().1.as_str())),
                    _ => panic!("{answer:?}"),
                }
            }
        }
        for answers in &uploads {
            let (last, before) = answers.split_last().unwrap();
            assert_eq!(last.problem().1, "session_dead", "uploaded after the deletion had been acknowledged");
            for answer in before {
                assert!(answer.status == 201 || ["session_dead", "overloaded"].contains(&answer.problem().1.as_str()));
                kept += usize::from(answer.status == 201);
            }
        }
        assert_eq!(ben.get(&format!("/users/id/{}", ann.id)).await.problem().1, "user_unknown");
        assert_eq!(ben.get(&format!("/users/id/{}/photos", ann.id)).await.problem().1, "user_unknown");
    }

    nothing_is_left(&home).await;
    assert!(opened > ROUNDS && kept > ROUNDS, "there was a race: {opened} sign-ins, {kept} uploads");
    assert_eq!(node.stop().await.code(), Some(0));
}
