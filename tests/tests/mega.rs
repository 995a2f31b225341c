//! A node whose photos' bytes lie in an account of Mega.nz: what its users and its operator meet. Mega itself is out of reach of
//! tests; a stand-in takes its place.

use portico_tests::{Client, Fault, Home, Mega, Node, PASSWORD, eventually, pictures};
use reqwest::StatusCode;
use serde_json::{Value, json};

#[tokio::test]
async fn photos_are_kept_read_and_deleted_there_and_nothing_of_them_lies_in_the_data_directory() {
    let mega = Mega::start();
    let home = Home::new().with_content_at(&mega);
    let node = home.up().await;
    let client = node.client().with_token(&node.register("ann").await.token);

    let photo = client.upload(pictures::png()).await;
    let url = photo["content_url"].as_str().unwrap();
    let (content, part) = (client.get(url).await, client.get(url).header("range", "bytes=5-9").await);
    let kept = mega.files();
    client.delete(&format!("/me/photos/{}", photo["id"].as_str().unwrap())).await.expect(204);
    eventually("the work list", || async { (mega.files() == 0).then_some(()) }).await;

    assert_eq!((content.status, part.status), (200, 206));
    assert_eq!(part.bytes, content.bytes[5..10]);
    assert_eq!(kept, 2, "the photo and its rendition");
    assert!(!home.data().join("content").exists());
}

#[tokio::test]
async fn rate_limits_are_answered_503_and_say_in_the_log_what_mega_said() {
    let mega = Mega::start();
    let home = Home::new().with_content_at(&mega);
    let node = home.up().await;
    let (client, url) = with_a_photo(&node).await;

    mega.fail("g", Fault::Code(-4), 3);
    let refused = client.get(&url).await;
    let served = client.get(&url).await;

    assert_eq!((refused.status, refused.header("retry-after")), (503, "1"), "{refused:?}");
    assert_eq!(served.status, 200);
    eventually("the record", || async {
        let logs = home.run(&["logs"]).stdout;
        logs.contains("-4 ERATELIMIT (rate limit exceeded)").then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_session_that_mega_ends_costs_nobody_a_request() {
    let mega = Mega::start();
    let home = Home::new().with_content_at(&mega);
    let node = home.up().await;
    let (client, url) = with_a_photo(&node).await;

    mega.end_sessions();

    client.get(&url).await.expect(200);
    client.upload(pictures::turned_jpeg(40, 30, "top-left")).await;
    assert_eq!(mega.calls("us"), 2);
}

#[tokio::test]
async fn a_server_that_hangs_makes_the_node_unready_by_name_until_it_answers() {
    let mega = Mega::start();
    let home = Home::new().with_content_at(&mega);
    let node = home.up().await;

    mega.fail("uq", Fault::Hang, 1);
    let unready = eventually("its name", || async {
        let answer = node.operator_client().get("/readyz").await;
        (answer.status == 503).then_some(answer)
    })
    .await;
    eventually("readiness", || async { (node.readiness().await? == StatusCode::OK).then_some(()) }).await;

    let checks = unready.json()["checks"].clone();
    let failed = |check: &Value| check["name"] == "content:photo" && check["ok"] == false;
    assert!(checks.as_array().unwrap().iter().any(failed), "{checks}");
}

#[tokio::test]
async fn a_killed_node_leaves_nothing_behind_that_no_row_tells_of() {
    let mega = Mega::start();
    let home = Home::new().with_content_at(&mega);
    let node = home.up().await;
    let (ann, bob) = (node.register("ann").await.token, node.register("bob").await.token);
    let photo = node.client().with_token(&ann).upload(pictures::png()).await;
    let bob = node.client().with_token(&bob);
    bob.upload(pictures::png()).await;

    mega.fail("d", Fault::Hang, 2);
    bob.delete("/delete").json(&json!({ "password": PASSWORD })).await.expect(204);
    node.kill();
    let node = home.up().await;

    eventually("the work list", || async { (mega.files() == 2).then_some(()) }).await;
    node.client().with_token(&ann).get(photo["content_url"].as_str().unwrap()).await.expect(200);
}

#[test]
fn what_does_not_mend_by_itself_ends_the_node_at_once_with_one_line_that_names_the_key() {
    let mega = Mega::start();
    let home = || Home::new().with_content_at(&mega);

    for (key, value, told) in [
        ("mega.email", "nobody@example.com", "photo.content.mega.password: Mega refuses: Mega says -9 ENOENT"),
        ("mega.password", "hunter2", "photo.content.mega.password: Mega refuses: Mega says -9 ENOENT"),
        ("mega.endpoint", "http://mega.example.org", "photo.content.mega.endpoint: must be https"),
        ("mega.folder", "a/b", "photo.content.mega.folder: must be the name of a folder"),
    ] {
        let exit = home().set(&format!("photo.content.{key}"), value).run(&["up"]);

        assert_eq!(exit.code(), Some(78), "{exit:?}");
        assert!(exit.stderr.contains(told) && !exit.stderr.contains("hunter2"), "{exit:?}");
    }
}

#[test]
fn a_password_may_lie_in_a_file_and_is_never_shown() {
    let mega = Mega::start();
    let home = Home::new().with_content_at(&mega);
    let file = home.path().join("mega.password");
    std::fs::write(&file, format!("{}\n", Mega::PASSWORD)).unwrap();

    let shown = home.run(&["config", "show"]);
    let home = home.without("photo.content.mega.password");
    let migrated = home.set("photo.content.mega.password_file", file.to_str().unwrap()).run(&["migrate"]);

    assert!(!shown.stdout.contains(Mega::PASSWORD) && !shown.stdout.contains(Mega::EMAIL), "{shown:?}");
    assert_eq!(migrated.code(), Some(0), "{migrated:?}");
}

/// Somebody new, and where the content of their photo is.
async fn with_a_photo(node: &Node) -> (Client, String) {
    let client = node.client().with_token(&node.register("ann").await.token);
    let photo = client.upload(pictures::png()).await;
    (client, photo["content_url"].as_str().unwrap().to_owned())
}
