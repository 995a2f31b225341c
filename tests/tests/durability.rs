//! What was acknowledged stays, whatever happens to the process.

use std::sync::{Arc, Mutex};

use portico_tests::{Client, Home, PASSWORD, eventually, pictures};
use serde_json::{Value, json};
use tokio::{sync::Notify, task::JoinSet};

/// An account that the node acknowledged, with a photo if that was acknowledged too.
struct Acknowledged {
    token: String,
    photo: Option<Value>,
}

/// Registers accounts and uploads a photo to each, until the node does not answer any more.
async fn write_until_the_end(
    client: Client,
    writer: usize,
    written: Arc<Mutex<Vec<Acknowledged>>>,
    enough: Arc<Notify>,
) {
    for number in 0.. {
        let email = format!("writer{writer}.{number}@example.com");
        let new = json!({"name": "Writer", "email": email, "password": PASSWORD});
        let Some(registered) = client.post("/reg?transport=bearer").json(&new).attempt().await else { return };
        if registered.status != 201 {
            return;
        }
        let token = registered.json()["token"].as_str().unwrap().to_owned();
        let upload = client.with_token(&token).post("/me/photos").body("image/png", pictures::png());
        let photo = upload.attempt().await.filter(|answer| answer.status == 201).map(|answer| answer.json());
        let mut written = written.lock().unwrap();
        written.push(Acknowledged { token, photo });
        if written.len() == 20 {
            enough.notify_one();
        }
    }
}

#[tokio::test]
async fn whatever_was_acknowledged_before_a_kill_is_there_after_it() {
    let home = Home::new();
    let node = home.up().await;
    let (written, enough) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Notify::new()));
    let mut writers = JoinSet::new();
    for writer in 0..4 {
        writers.spawn(write_until_the_end(node.client(), writer, Arc::clone(&written), Arc::clone(&enough)));
    }

    enough.notified().await; // the writers go on while the node is killed
    node.kill();
    writers.join_all().await;
    let node = home.up().await;

    let written = std::mem::take(&mut *written.lock().unwrap());
    for account in written {
        let client = node.client().with_token(&account.token);
        client.get("/me").await.expect(200);
        if let Some(photo) = account.photo {
            let content = client.get(photo["content_url"].as_str().unwrap()).await;
            assert_eq!(
                (content.status, content.bytes.len()),
                (200, usize::try_from(photo["size_bytes"].as_u64().unwrap()).unwrap())
            );
        }
    }
}

#[tokio::test]
async fn what_ended_before_a_kill_does_not_come_back() {
    let home = Home::new();
    let node = home.up().await;
    let (ann, ben, cid) = (node.register("ann").await, node.register("ben").await, node.register("cid").await);
    let stored = ann.upload(pictures::png()).await;
    let photo = cid.upload(pictures::png()).await;

    ben.delete("/logout").await.expect(204);
    cid.delete(&format!("/me/photos/{}", photo["id"].as_str().unwrap())).await.expect(204);
    ann.delete("/delete").json(&json!({"password": PASSWORD})).await.expect(204);
    node.kill();
    let node = home.up().await;

    let after = |token: &str| node.client().with_token(token);
    assert_eq!(after(&ann.token).get("/me").await.problem().1, "session_dead");
    assert_eq!(after(&ben.token).get("/me").await.problem().1, "session_dead");
    assert_eq!(after(&cid.token).get("/me").await.expect(200)["photo_count"], 0);
    assert_eq!(after(&cid.token).get(stored["content_url"].as_str().unwrap()).await.status, 404);
    // Whatever the crash left behind of the contents is on the work list, and goes.
    let pictures = async || home.files().iter().all(|path| !is_picture(path)).then_some(());
    eventually("the deleted contents to go", pictures).await;
}

fn is_picture(path: &std::path::Path) -> bool {
    std::fs::read(path).is_ok_and(|bytes| image::guess_format(&bytes).is_ok())
}

#[tokio::test]
async fn a_second_process_on_the_same_data_is_refused() {
    let home = Home::new();
    let node = home.up().await;

    let second = home.run(&["up"]);

    assert_eq!(second.code(), Some(75), "{second:?}");
    assert!(second.stderr.contains("another process"), "{}", second.stderr);
    assert!(second.stderr.contains("data"), "it names the directory: {}", second.stderr);
    assert_eq!(node.register("ann").await.get("/me").await.status, 200, "the first one goes on");
}

#[tokio::test]
async fn data_is_open_to_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;

    let home = Home::new();
    let _node = home.up().await;

    let mode = std::fs::metadata(home.data()).unwrap().permissions().mode();

    assert_eq!(mode & 0o777, 0o700);
}
