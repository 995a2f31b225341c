//! Deleting an account, and what is left of it: nothing.

use std::{fs, path::PathBuf};

use image::ImageFormat;
use portico_tests::{Home, PASSWORD, eventually, pictures};
use serde_json::json;

#[tokio::test]
async fn a_deleted_account_leaves_neither_row_nor_file_nor_session() {
    let home = Home::new();
    let node = home.up().await;
    let (ann, ben) = (node.register("ann").await, node.register("ben").await);
    let picture = pictures::picture(300, 200, ImageFormat::Png);
    let stored = ann.get(ann.upload(picture).await["content_url"].as_str().unwrap()).await.bytes;
    let elsewhere = json!({"email": ann.email, "password": PASSWORD});
    let elsewhere = node.client().post("/auth?transport=bearer").json(&elsewhere).await.expect(200);
    let elsewhere = ann.with_token(elsewhere["token"].as_str().unwrap());

    let wrong = ann.delete("/delete").json(&json!({"password": "not the password"})).await;
    ann.delete("/delete").json(&json!({"password": PASSWORD})).await.expect(204);

    assert_eq!((wrong.status, wrong.problem().1), (401, "wrong_password".into()));
    assert_eq!(ann.get("/me").await.problem().1, "session_dead");
    assert_eq!(elsewhere.get("/me").await.problem().1, "session_dead");
    assert_eq!(ben.get(&format!("/users/id/{}", ann.id)).await.problem().1, "user_unknown");
    assert_eq!(ben.get(&format!("/users/id/{}/photos", ann.id)).await.status, 404);
    eventually("the photo's content to go", async || holding(&home, &stored[..200]).is_empty().then_some(())).await;
    assert_eq!(node.stop().await.code(), Some(0));
    assert_eq!(holding(&home, b"ann@example.com"), Vec::<PathBuf>::new());
    let rows = home.rows();
    assert!(!rows.contains("ann@example.com"), "{rows}");
    let finds = !holding(&home, b"ben@example.com").is_empty() || rows.contains("ben@example.com");
    assert!(finds, "the search finds what is there");
}

#[tokio::test]
async fn an_address_is_free_again_after_its_account_was_deleted() {
    let home = Home::new();
    let node = home.up().await;
    let first = node.register("ann").await;
    first.upload(pictures::png()).await;
    first.delete("/delete").json(&json!({"password": PASSWORD})).await.expect(204);

    let second = node.register("ann").await;

    assert_ne!(second.id, first.id);
    assert_eq!(second.get("/me").await.expect(200)["photo_count"], 0);
    assert_eq!(first.get("/me").await.problem().1, "session_dead");
}

/// The files under the data directory that hold these bytes.
fn holding(home: &Home, bytes: &[u8]) -> Vec<PathBuf> {
    let holds =
        |path: &PathBuf| fs::read(path).is_ok_and(|file| file.windows(bytes.len()).any(|window| window == bytes));
    home.files().into_iter().filter(holds).collect()
}
