//! An account of Mega.nz keeps the contract of content: a stand-in, since Mega itself is out of reach, and what goes wrong with it
//! on demand.

use std::time::{Duration, Instant};

use futures_util::{TryStreamExt as _, future::join_all};
use portico_kernel::StoreError;
use portico_photo::{ContentStore as _, Rendition};
use portico_schema::{
    Unopened,
    photo::{ContentMega, MegaSettings},
};
use portico_tests::{Fault, Mega};

use crate::content::{bytes, file, key, put, read};

struct Opened {
    store: ContentMega,
    mega: Mega,
}

async fn opened() -> Opened {
    let mega = Mega::start();
    Opened { store: connect(&settings(&mega)).await.unwrap(), mega }
}

fn settings(mega: &Mega) -> MegaSettings {
    MegaSettings {
        endpoint: mega.url().to_owned(),
        email: Mega::EMAIL.into(),
        password: Mega::PASSWORD.into(),
        folder: "portico".to_owned(),
        ca_file: None,
        timeout: Duration::from_secs(20), // enough on a busy machine
    }
}

async fn connect(settings: &MegaSettings) -> Result<ContentMega, Unopened> {
    let _installed_by_another_test = rustls::crypto::ring::default_provider().install_default();
    ContentMega::connect(settings).await
}

/// An error with its causes.
fn told(error: &StoreError) -> String {
    let causes = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
    causes.fold(error.to_string(), |told, cause| format!("{told}: {cause}"))
}

mod content {
    content_contract!(super::opened);
}

#[tokio::test]
async fn content_of_many_chunks_is_read_back_whole_and_from_within_a_block() {
    let Opened { store, mega: _mega } = opened().await;
    let (key, long) = (key(Rendition::Original), bytes(6_000_001));

    put(&store, key, &long).await;

    assert!(read(&store, key, 0..6_000_001).await.unwrap() == long);
    assert_eq!(read(&store, key, 1_048_577..1_048_600).await.unwrap(), long[1_048_577..1_048_600]);
}

#[tokio::test]
async fn what_fails_for_now_is_done_again() {
    let Opened { store, mega } = opened().await;
    let key = key(Rendition::Original);
    for (what, fault) in [
        ("u", Fault::Code(-3)),
        ("upload", Fault::Status(500)),
        ("p", Fault::Code(-4)),
        ("p", Fault::Status(402)),
        ("sc", Fault::Code(-3)),
        ("sc", Fault::Status(429)),
        ("g", Fault::Code(-18)),
        ("download", Fault::Status(509)),
        ("uq", Fault::Code(-6)),
        ("d", Fault::Status(503)),
    ] {
        mega.fail(what, fault, 1);
    }

    put(&store, key, b"bytes").await;
    assert_eq!(read(&store, self::key(Rendition::Original), 0..1).await, None);
    let back = read(&store, key, 0..5).await.unwrap();
    store.check().await.unwrap();
    store.delete(key).await.unwrap();

    assert_eq!((back, mega.files()), (b"bytes".to_vec(), 0));
    assert_eq!(mega.calls("p"), 1 + 3, "the folder's, and three tries");
}

#[tokio::test]
async fn what_goes_on_failing_says_what_mega_said_after_three_tries() {
    let Opened { store, mega } = opened().await;
    let (_dir, upload) = file(b"bytes");
    mega.fail("u", Fault::Code(-4), 3);
    let limited = store.put(key(Rendition::Original), &upload).await.unwrap_err();
    let kept = key(Rendition::Original);
    put(&store, kept, b"bytes").await;
    mega.fail("download", Fault::Status(509), 3);
    let exceeded = store.open(kept, 0..5).await.map(drop).unwrap_err();

    assert!(told(&limited).contains("-4 ERATELIMIT (rate limit exceeded)"), "{}", told(&limited));
    assert!(told(&exceeded).contains("HTTP 509 (bandwidth limit exceeded)"), "{}", told(&exceeded));
    assert_eq!(mega.calls("download"), 3);
    assert_eq!(read(&store, kept, 0..5).await.unwrap(), b"bytes");
}

#[tokio::test]
async fn a_session_that_ended_is_replaced_once_however_many_notice() {
    let Opened { store, mega } = opened().await;
    let keys = [(); 12].map(|()| key(Rendition::Thumb));
    join_all(keys.map(|key| put(&store, key, b"bytes"))).await;

    mega.end_sessions();
    let all = join_all(keys.map(|key| read(&store, key, 0..5))).await;

    assert!(all.into_iter().all(|bytes| bytes.unwrap() == b"bytes"));
    assert_eq!(mega.calls("us"), 2);
}

#[tokio::test]
async fn a_session_that_ends_in_the_middle_of_a_put_is_replaced_too() {
    let Opened { store, mega } = opened().await;
    let key = key(Rendition::Original);
    mega.fail("p", Fault::Code(-15), 1);

    put(&store, key, b"bytes").await;

    assert_eq!((read(&store, key, 0..5).await.unwrap(), mega.files()), (b"bytes".to_vec(), 1));
}

#[tokio::test]
async fn a_node_whose_making_was_not_answered_is_made_once() {
    let Opened { store, mega } = opened().await;
    let key = key(Rendition::Original);
    mega.fail("p", Fault::Lost, 2);

    put(&store, key, b"bytes").await;

    assert_eq!((read(&store, key, 0..5).await.unwrap(), mega.files()), (b"bytes".to_vec(), 1));
}

#[tokio::test]
async fn a_put_that_was_given_up_and_came_through_is_found_by_its_deletion() {
    let Opened { store, mega } = opened().await;
    let key = key(Rendition::Original);
    let (_dir, upload) = file(b"bytes");
    mega.fail("p", Fault::Lost, 3);

    let given_up = store.put(key, &upload).await;
    let left = mega.files();
    store.delete(key).await.unwrap();

    assert!(matches!(given_up, Err(StoreError::Unavailable(_))), "{given_up:?}");
    assert_eq!((left, mega.files()), (1, 0));
}

#[tokio::test]
async fn a_download_that_is_cut_goes_on_where_it_was() {
    let Opened { store, mega } = opened().await;
    let (key, long) = (key(Rendition::Original), bytes(1_000_000));
    put(&store, key, &long).await;
    mega.fail("download", Fault::Cut, 2);

    let whole = read(&store, key, 0..1_000_000).await.unwrap();

    assert!(whole == long);
    assert_eq!(mega.calls("download"), 3);
}

#[tokio::test]
async fn content_that_was_altered_is_not_given_out_as_whole() {
    let Opened { store, mega } = opened().await;
    let key = key(Rendition::Original);
    put(&store, key, &bytes(200_000)).await;

    mega.alter();
    let stream = store.open(key, 0..200_000).await.unwrap().unwrap();
    let altered = stream.try_collect::<Vec<_>>().await.unwrap_err();

    assert!(matches!(altered, StoreError::Broken(_)), "{altered:?}");
}

#[tokio::test]
async fn a_server_that_hangs_keeps_nobody_waiting_for_longer_than_three_tries() {
    let mega = Mega::start();
    let timeout = Duration::from_secs(1);
    let store = connect(&MegaSettings { timeout, ..settings(&mega) }).await.unwrap();
    let key = key(Rendition::Original);
    put(&store, key, b"bytes").await;
    mega.fail("g", Fault::Hang, 3);

    let began = Instant::now();
    let refused = store.open(key, 0..5).await.map(drop).unwrap_err();

    assert!(told(&refused).contains("silent"), "{}", told(&refused));
    assert!(began.elapsed() >= 3 * timeout && began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    store.check().await.unwrap(); // and others need not wait for their turn to ask
    assert_eq!(read(&store, key, 0..5).await.unwrap(), b"bytes");
}

#[tokio::test]
async fn an_account_without_room_is_full_and_says_so() {
    let Opened { store, mega } = opened().await;
    let (_dir, upload) = file(b"bytes");

    mega.set_full(true);
    let put = store.put(key(Rendition::Original), &upload).await.unwrap_err();
    let check = store.check().await.unwrap_err();

    for full in [put, check] {
        assert!(matches!(full, StoreError::Full(_)) && told(&full).contains("EOVERQUOTA"), "{}", told(&full));
    }
}

#[tokio::test]
async fn what_another_node_put_is_found_and_what_it_deleted_is_not() {
    let Opened { store, mega } = opened().await;
    let other = connect(&settings(&mega)).await.unwrap();
    let (new, gone) = (key(Rendition::Original), key(Rendition::Original));
    put(&store, gone, b"bytes").await;

    put(&other, new, b"other").await;
    other.delete(gone).await.unwrap();

    assert_eq!(read(&store, new, 0..5).await.unwrap(), b"other");
    assert_eq!(read(&store, gone, 0..5).await, None);
    store.delete(new).await.unwrap();
    assert_eq!(mega.files(), 0);
}

#[tokio::test]
async fn the_tree_is_read_once_and_again_only_when_changes_are_not_told_any_more() {
    let Opened { store, mega } = opened().await;
    let other = connect(&settings(&mega)).await.unwrap();
    let before = mega.calls("f");
    let (first, second) = (key(Rendition::Original), key(Rendition::Original));

    put(&other, first, b"first").await;
    read(&store, first, 0..5).await.unwrap();
    assert_eq!(mega.calls("f"), before);
    put(&other, second, b"second").await;
    mega.forget_changes();

    assert_eq!(read(&store, second, 0..6).await.unwrap(), b"second");
    assert_eq!(mega.calls("f"), before + 1);
}

#[tokio::test]
async fn content_survives_a_restart() {
    let Opened { store, mega } = opened().await;
    let key = key(Rendition::Original);
    put(&store, key, b"bytes").await;
    drop(store);

    let reopened = connect(&settings(&mega)).await.unwrap();

    assert_eq!(read(&reopened, key, 0..5).await.unwrap(), b"bytes");
}

#[tokio::test]
async fn what_is_wrong_at_the_start_is_told_with_its_key() {
    let mega = Mega::start();
    let right = settings(&mega);
    let wrong = [
        ("mega.password", MegaSettings { email: "nobody@example.com".into(), ..right.clone() }),
        ("mega.password", MegaSettings { password: "hunter2".into(), ..right.clone() }),
        ("mega.endpoint", MegaSettings { endpoint: "no address".to_owned(), ..right.clone() }),
        ("ca_file", MegaSettings { ca_file: Some("/no/such/file".into()), ..right.clone() }),
    ];

    for (key, settings) in wrong {
        let refused = connect(&settings).await.map(drop).expect_err(key);
        assert_eq!((refused.key, refused.passes), (key, false), "{refused}");
        assert!(!refused.detail.contains('\n') && !refused.detail.contains("hunter2"), "{refused}");
    }
}

#[tokio::test]
async fn a_second_factor_and_a_blocked_account_do_not_mend_by_themselves() {
    let mega = Mega::start();
    for (code, name) in [(-26, "EMFAREQUIRED"), (-16, "EBLOCKED")] {
        mega.fail("us", Fault::Code(code), 1);

        let refused = connect(&settings(&mega)).await.map(drop).unwrap_err();

        assert_eq!((refused.key, refused.passes), ("mega.email", false), "{refused}");
        assert!(refused.detail.contains(name), "{refused}");
    }
}

#[tokio::test]
async fn a_server_that_is_away_at_the_start_may_come() {
    let mega = Mega::start();
    let away = MegaSettings { endpoint: "http://127.0.0.1:1".to_owned(), ..settings(&mega) };

    let refused = connect(&away).await.map(drop).unwrap_err();

    assert!(refused.passes, "{refused:?}");
}
