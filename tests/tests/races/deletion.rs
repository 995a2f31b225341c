//! A deleted account stays deleted, whatever signs in and uploads while it goes.

use std::sync::Arc;

use image::ImageFormat;
use portico_tests::{Account, Answer, Client, Home, Node, PASSWORD, eventually, histories::number, pictures};
use serde_json::json;

use crate::{
    at_once, home,
    repeat::{Race, sign_in_again_and_again},
    text,
};

const ROUNDS: usize = 3;
/// How many clients sign in, and how many upload, without a pause.
const CLIENTS: usize = 6;
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
    race.under_way(2 * CLIENTS).await;
    ann.delete("/delete").json(&json!({ "password": PASSWORD })).await.expect(204);
    race.over();
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
