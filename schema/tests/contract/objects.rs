//! S3-compatible storage keeps the contract of content: a real server, which all tests share but those that harm it.

use std::{
    sync::LazyLock,
    time::{Duration, Instant},
};

use portico_kernel::StoreError;
use portico_photo::{ContentStore as _, Rendition};
use portico_schema::{
    Unopened,
    photo::{ContentObjects, ObjectSettings},
};
use portico_tests::Servers;

use crate::content::{bytes, file, key, put, read};

/// The server that tests share, which none of them kills. Keys hold ids that nobody else has.
static SHARED: LazyLock<Servers> = LazyLock::new(|| Servers::shared(&["s3"]));

struct Opened {
    store: ContentObjects,
}

async fn opened() -> Opened {
    Opened { store: connect(&settings(&SHARED)).await.unwrap() }
}

fn settings(servers: &Servers) -> ObjectSettings {
    ObjectSettings {
        endpoint: servers.s3_url().to_owned(),
        region: servers.setting("S3_REGION").to_owned(),
        bucket: servers.setting("S3_BUCKET").to_owned(),
        prefix: "photos".to_owned(),
        access_key_id: servers.setting("S3_ACCESS_KEY").into(),
        secret_access_key: servers.setting("S3_SECRET_KEY").into(),
        ca_file: None,
        virtual_host: false,
        timeout: Duration::from_secs(20), // enough on a busy machine
    }
}

async fn connect(settings: &ObjectSettings) -> Result<ContentObjects, Unopened> {
    let _installed_by_another_test = rustls::crypto::ring::default_provider().install_default();
    ContentObjects::connect(settings).await
}

mod content {
    content_contract!(super::opened);
}

#[tokio::test]
async fn content_of_several_parts_is_read_back_whole() {
    let store = opened().await.store;
    let (key, long) = (key(Rendition::Original), bytes(11_000_000)); // two whole parts and a rest

    put(&store, key, &long).await;

    assert!(read(&store, key, 0..11_000_000).await.unwrap() == long);
    assert_eq!(read(&store, key, 5_242_879..5_242_882).await.unwrap(), long[5_242_879..5_242_882]);
}

#[tokio::test]
async fn more_writes_than_are_made_at_the_same_time_all_arrive() {
    let store = opened().await.store;
    let keys = [(); 40].map(|()| key(Rendition::Thumb));

    futures_util::future::join_all(keys.map(|key| put(&store, key, b"bytes"))).await;

    for key in keys {
        assert_eq!(read(&store, key, 0..5).await.unwrap(), b"bytes");
    }
}

#[tokio::test]
async fn a_server_that_is_killed_is_unavailable_at_once_and_comes_back_with_all_that_was_acknowledged() {
    let servers = Servers::own(&["s3"]);
    let store = connect(&settings(&servers)).await.unwrap();
    let (kept, lost) = (key(Rendition::Original), key(Rendition::Original));
    put(&store, kept, b"bytes").await;

    servers.kill("s3");
    let (_dir, upload) = file(b"lost");
    let (write, read_, delete) =
        (store.put(lost, &upload).await, store.open(kept, 0..5).await.map(drop), store.delete(kept).await);
    servers.up("s3");

    for refused in [write, read_, delete] {
        assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    }
    assert_eq!(read(&store, kept, 0..5).await.unwrap(), b"bytes");
    assert_eq!(read(&store, lost, 0..4).await, None);
}

#[tokio::test]
async fn a_server_that_is_stopped_keeps_nobody_waiting_for_longer_than_three_tries() {
    let servers = Servers::own(&["s3"]);
    let timeout = Duration::from_secs(1);
    let store = connect(&ObjectSettings { timeout, ..settings(&servers) }).await.unwrap();
    let kept = key(Rendition::Original);
    put(&store, kept, b"bytes").await;

    servers.pause("s3");
    let began = Instant::now();
    let refused = store.open(kept, 0..5).await.map(drop);
    let waited = began.elapsed();
    let since = Instant::now();
    let next = store.open(kept, 0..5).await.map(drop);
    let waited_next = since.elapsed();
    servers.resume("s3");

    for refused in [refused, next] {
        assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    }
    assert!(waited >= timeout && waited < Duration::from_secs(30), "{waited:?}");
    assert!(waited_next < timeout, "it heard at once: {waited_next:?}");
    store.check().await.unwrap(); // and others need not wait for their turn to ask
    assert_eq!(read(&store, kept, 0..5).await.unwrap(), b"bytes");
}

#[tokio::test]
async fn what_is_wrong_at_the_start_is_told_with_its_key() {
    let right = settings(&SHARED);
    let (_dir, no_pem) = file(b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n");
    let wrong = [
        ("access_key_id", ObjectSettings { access_key_id: "nobody".into(), ..right.clone() }),
        ("secret_access_key", ObjectSettings { secret_access_key: "hunter2".into(), ..right.clone() }),
        ("ca_file", ObjectSettings { ca_file: Some(no_pem), ..right.clone() }),
        ("ca_file", ObjectSettings { ca_file: Some("/no/such/file".into()), ..right.clone() }),
    ];

    for (key, settings) in wrong {
        let refused = connect(&settings).await.expect_err(key);
        assert_eq!((refused.key, refused.passes), (key, false), "{refused}");
        assert!(!refused.detail.contains('\n') && !refused.detail.contains("hunter2"), "{refused}");
    }
}

#[tokio::test]
async fn a_server_that_is_away_at_the_start_may_come() {
    let away = ObjectSettings { endpoint: "http://127.0.0.1:1".to_owned(), ..settings(&SHARED) };

    let refused = connect(&away).await.unwrap_err();

    assert!(refused.passes, "{refused:?}");
}
