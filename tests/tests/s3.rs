//! A node whose photos' bytes lie in S3-compatible storage: what its users and its operator meet when that is away or is
//! not right.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use portico_tests::{Client, Home, Node, Servers, TlsFront, eventually, nobody, pictures};
use reqwest::StatusCode;

/// As many uploads as one account may have at the same time.
const AT_ONCE: usize = 8;

#[tokio::test]
async fn photos_are_kept_read_and_deleted_there_and_nothing_of_them_lies_in_the_data_directory() {
    let servers = Servers::own(&["s3"]);
    let home = Home::new().with_content_in(&servers);
    let node = home.up().await;
    let ann = node.register("ann").await;
    let client = node.client().with_token(&ann.token);
    let picture = pictures::png();

    let photo = client.post("/me/photos").body("image/png", picture.clone()).await.expect(201);
    let content = client.get(photo["content_url"].as_str().unwrap()).await;
    let kept = objects(&servers);
    client.delete(&format!("/me/photos/{}", photo["id"].as_str().unwrap())).await.expect(204);
    eventually("the work list", || async { objects(&servers).is_empty().then_some(()) }).await;

    assert_eq!(content.status, 200);
    assert_eq!(kept.len(), 2, "the photo and its rendition: {kept:?}");
    assert!(!home.data().join("content").exists());
}

#[tokio::test]
async fn storage_that_is_killed_is_named_by_readiness_and_heals_with_all_that_was_acknowledged() {
    let servers = Servers::own(&["s3"]);
    let home = Home::new().with_content_in(&servers);
    let node = home.up().await;
    let (client, url) = with_a_photo(&node).await;

    servers.kill("s3");
    let read = client.get(&url).await;
    let upload = client.post("/me/photos").body("image/png", pictures::turned_jpeg(40, 30, "top-left")).await;
    let me = client.get("/me").await;
    let unready = node.operator_client().get("/readyz").await;
    servers.up("s3");
    eventually("readiness", || async { (node.readiness().await? == StatusCode::OK).then_some(()) }).await;

    for refused in [read, upload] {
        assert_eq!((refused.status, refused.header("retry-after")), (503, "1"), "{refused:?}");
    }
    assert_eq!(me.status, 200, "what needs no content is served");
    let failed = |name: &str| {
        unready.json()["checks"].as_array().unwrap().iter().any(|check| check["name"] == name && check["ok"] == false)
    };
    assert!(failed("content:photo") && !failed("database:photo"), "{unready:?}");
    client.get(&url).await.expect(200);
    client.post("/me/photos").body("image/png", pictures::turned_jpeg(40, 30, "top-left")).await.expect(201);
}

#[tokio::test]
async fn storage_that_is_stopped_puts_requests_off_and_keeps_only_those_waiting_who_find_out() {
    let servers = Servers::own(&["s3"]);
    let patience = Duration::from_secs(1); // for one try of three: a fraction of a request's ten seconds
    let home = Home::new().with_content_in(&servers).set("photo.content.timeout_ms", &patience.as_millis().to_string());
    let node = home.up().await;
    let (client, url) = with_a_photo(&node).await;
    let upload = || client.post("/me/photos").body("image/png", pictures::png()).into_future();

    servers.pause("s3");
    let uploads = join_all((0..AT_ONCE).map(|_| upload())).await;
    let reads = join_all((0..AT_ONCE).map(|_| async {
        let began = Instant::now();
        (client.get(&url).await, began.elapsed())
    }))
    .await;
    servers.resume("s3");

    let (reads, waits): (Vec<_>, Vec<_>) = reads.into_iter().unzip();
    for put_off in uploads.iter().chain(&reads) {
        assert_eq!((put_off.status, put_off.header("retry-after")), (503, "1"), "{put_off:?}");
    }
    let waited = waits.iter().filter(|wait| **wait >= patience).count();
    assert!(waited <= 1, "one read at the most asks again: {waits:?}");
    eventually("readiness", || async { (node.readiness().await? == StatusCode::OK).then_some(()) }).await;
    client.get(&url).await.expect(200);
    upload().await.expect(201);
}

#[test]
fn what_does_not_mend_by_itself_ends_the_node_at_once_with_one_line_that_names_the_key() {
    let servers = Servers::shared(&["s3"]);
    let home = || Home::new().with_content_in(&servers);

    for (key, value, told) in [
        ("access_key_id", "nobody", "photo.content.access_key_id: the storage refuses: there is no such key"),
        ("secret_access_key", "hunter2", "photo.content.secret_access_key: the storage refuses: it is not the secret"),
    ] {
        home().set(&format!("photo.content.{key}"), value).refuses_to_start(told, "hunter2");
    }
    let nowhere = home().set("photo.content.endpoint", "ftp://localhost").run(&["up"]);
    assert_eq!(nowhere.code(), Some(78), "{nowhere:?}");
    assert!(nowhere.stderr.contains("photo.content.endpoint"), "{}", nowhere.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn over_tls_the_storage_is_trusted_by_the_named_authority_and_no_other() {
    let servers = Servers::own(&["s3"]);
    let server = servers.s3_url().strip_prefix("http://").unwrap().trim_end_matches('/').parse().unwrap();
    let front = TlsFront::of(&servers, server).await;
    let home = || Home::new().with_content_in(&servers);
    let over_tls = |home: Home| home.set("photo.content.endpoint", &format!("https://{}", front.address()));
    let trusting = over_tls(home()).set("photo.content.ca_file", servers.ca().to_str().unwrap());
    let distrusting = over_tls(home());

    let node = trusting.up().await;
    let (client, url) = with_a_photo(&node).await;
    client.get(&url).await.expect(200);
    let told = "photo.content.ca_file: the storage is not trusted";
    let refused = move || distrusting.refuses_to_start(told, servers.setting("S3_SECRET_KEY"));
    tokio::task::spawn_blocking(refused).await.unwrap();
}

#[test]
fn storage_that_is_away_is_waited_for_as_long_as_configured() {
    Home::new()
        .set("photo.content.adapter", "s3")
        .set("photo.content.endpoint", &format!("http://{}", nobody()))
        .set("photo.content.bucket", "portico")
        .set("photo.content.access_key_id", "ann")
        .set("photo.content.secret_access_key", "hunter2")
        .set("photo.content.retry_at_start_s", "0")
        .gives_up_waiting("photo.content.endpoint: the storage cannot be reached", "hunter2");
}

/// Somebody new, and where the content of their photo is.
async fn with_a_photo(node: &Node) -> (Client, String) {
    let client = node.client().with_token(&node.register("ann").await.token);
    let photo = client.post("/me/photos").body("image/png", pictures::png()).await.expect(201);
    (client, photo["content_url"].as_str().unwrap().to_owned())
}

/// The objects of the bucket, but for the one that readiness writes.
fn objects(servers: &Servers) -> Vec<std::path::PathBuf> {
    let root = servers.directory().join("s3");
    let mut found = Vec::new();
    let mut open = vec![root];
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
            let path = entry.path();
            let is_object = path.extension().is_some_and(|kind| kind == "orig" || kind == "thumb");
            if path.is_dir() && !path.is_symlink() {
                open.push(path);
            } else if is_object {
                found.push(path);
            }
        }
    }
    found
}
