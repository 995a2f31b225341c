//! Pictures on their way to the node that keeps them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::stream;
use portico_bus::grpc::{
    Limits, Server,
    proto::photo::v1::{End, LoadPhotoRequest, UploadHead, load_photo_request::Part, photos_client::PhotosClient},
};
use portico_kernel::{
    Ask, AskError, IdempotencyKey, RetryBudget, UserId,
    testkit::{Probe, probe, until},
};
use portico_photo::{Error, Load, UploadAborted, tap};
use tokio::{net::TcpListener, sync::mpsc, time::Instant};
use tonic::{Code, Response, Status, transport::Channel};

use crate::support::{
    Node, PATIENCE, asks, bytes, chunks, photo, photo_asks, photos, received, settings, settled, state, uploading,
};

const MIB: usize = 1024 * 1024;

/// A node whose uploads the test takes by hand.
fn keeping() -> (Node, Probe<Load>) {
    keeping_with(Limits::default())
}

fn keeping_with(limits: Limits) -> (Node, Probe<Load>) {
    let (load, asked) = probe();
    (Node::of(Server::new(limits).photos(portico_photo::Asks { load, ..photo_asks() })), asked)
}

/// A node that answers every upload with `answer`, after having taken so much of it, and counts them.
fn refusing(answer: fn() -> Error, taken: usize) -> (Node, Arc<AtomicUsize>) {
    let asked = Arc::<AtomicUsize>::default();
    let counted = Arc::clone(&asked);
    let load = Ask::from_fn(move |mut load: Load| {
        counted.fetch_add(1, Ordering::SeqCst);
        async move {
            for _ in 0..taken {
                load.upload.0.recv().await.unwrap().unwrap();
            }
            Err(answer())
        }
    });
    (Node::of(Server::new(Limits::default()).photos(portico_photo::Asks { load, ..photo_asks() })), asked)
}

fn ample() -> RetryBudget {
    RetryBudget::new(1.0, 1_000.0)
}

#[tokio::test]
async fn an_upload_arrives_whole_with_its_owner_and_its_key_and_the_photo_comes_back() {
    let (node, mut asked) = keeping();
    let (asks, owner, picture) = (asks(&photos(settings(&[node.address]))), UserId::new(), bytes(3 * MIB + 7));
    let (tap, upload) = tap();
    let key = IdempotencyKey::parse("a-key").unwrap();
    let load = Load { owner, upload, idempotency: Some(key.clone()) };
    let expected = photo();

    let (answered, (), ()) = tokio::join!(
        asks.load.ask(load),
        async {
            tap.send(Bytes::new()).await.unwrap();
            tap.send(picture.clone()).await.unwrap(); // more at once than a chunk may hold
            tap.finish();
        },
        async {
            let mut call = asked.next().await;
            assert_eq!((call.message.owner, &call.message.idempotency), (owner, &Some(key)));
            assert_eq!(received(&mut call.message.upload).await.unwrap(), picture);
            call.answer(Ok(expected.clone()));
        }
    );

    assert_eq!(answered.unwrap(), expected);
}

#[tokio::test]
async fn an_upload_of_nothing_is_whole() {
    let (node, mut asked) = keeping();
    let (tap, answered) = uploading(&asks(&photos(settings(&[node.address]))));
    tap.finish();

    let mut call = asked.next().await;
    assert_eq!(received(&mut call.message.upload).await, Ok(Vec::new()));

    call.answer(Err(Error::UnsupportedType));
    assert!(matches!(answered.await.unwrap(), Err(Error::UnsupportedType)));
}

#[tokio::test]
async fn of_an_upload_of_ten_megabytes_to_a_slow_node_little_is_on_its_way_at_any_time() {
    let (node, mut asked) = keeping();
    let (tap, answered) = uploading(&asks(&photos(settings(&[node.address]))));
    let (picture, poured) = (bytes(10 * MIB), Arc::<AtomicUsize>::default());
    let (pieces, counted) = (chunks(picture.clone()), Arc::clone(&poured));
    let pouring = tokio::spawn(async move {
        for chunk in pieces {
            let length = chunk.len();
            tap.send(chunk).await.unwrap();
            counted.fetch_add(length, Ordering::SeqCst);
        }
        tap.finish();
    });

    let mut call = asked.next().await;
    let ahead = settled(&poured).await;
    assert!(ahead < MIB, "{ahead} bytes while nothing is taken");
    let (mut taken, mut most) = (Vec::new(), 0);
    while let Some(chunk) = call.message.upload.0.recv().await {
        taken.extend(chunk.unwrap());
        tokio::time::sleep(Duration::from_millis(2)).await;
        most = most.max(poured.load(Ordering::SeqCst) - taken.len());
    }

    assert!(most < MIB, "{most} bytes on their way");
    assert_eq!(taken, picture);
    pouring.await.unwrap();
    call.answer(Ok(photo()));
    assert!(answered.await.unwrap().is_ok());
}

#[tokio::test]
async fn an_upload_that_its_sender_breaks_off_is_broken_off_at_the_other_node() {
    let (node, mut asked) = keeping();
    let (tap, answered) = uploading(&asks(&photos(settings(&[node.address]))));
    tap.send(bytes(100)).await.unwrap();
    let mut call = asked.next().await;

    drop(tap);

    assert_eq!(received(&mut call.message.upload).await, Err(UploadAborted));
    call.answer(Err(Error::Aborted));
    assert!(matches!(answered.await.unwrap(), Err(Error::Aborted)));
}

#[tokio::test]
async fn an_upload_whose_caller_goes_away_is_broken_off_at_the_other_node() {
    let (node, mut asked) = keeping();
    let peers = photos(settings(&[node.address]));
    let (tap, answered) = uploading(&asks(&peers));
    tap.send(bytes(100)).await.unwrap();
    let mut call = asked.next().await;

    answered.abort();

    assert_eq!(received(&mut call.message.upload).await, Err(UploadAborted));
    until("it is in flight no more", || state(&peers, node.address).in_flight == 0).await;
    tokio::time::timeout(PATIENCE, async { while tap.send(bytes(1)).await.is_ok() {} }).await.expect("it hangs up");
}

#[tokio::test]
async fn an_upload_from_a_node_that_is_killed_is_broken_off() {
    let (node, mut asked) = keeping();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let address = node.address;
    let (told, tap) = tokio::sync::oneshot::channel();
    runtime.spawn(async move {
        let (tap, answered) = uploading(&asks(&photos(settings(&[address]))));
        tap.send(bytes(100)).await.unwrap();
        drop(told.send(tap));
        drop(answered.await);
    });
    let mut call = asked.next().await;
    let _tap = tap.await.unwrap(); // the sender itself breaks nothing off

    runtime.shutdown_background();

    assert_eq!(received(&mut call.message.upload).await, Err(UploadAborted));
}

#[tokio::test]
async fn an_upload_to_a_node_that_is_killed_may_have_been_kept_and_takes_no_more() {
    let (node, mut asked) = keeping();
    let (tap, answered) = uploading(&asks(&photos(settings(&[node.address]))));
    tap.send(bytes(100)).await.unwrap();
    let _never_answered = asked.next().await;

    let begun = Instant::now();
    tokio::task::spawn_blocking(move || node.kill()).await.unwrap();

    assert!(matches!(answered.await.unwrap(), Err(Error::Ask(AskError::Late))));
    tokio::time::timeout(PATIENCE, async { while tap.send(bytes(1)).await.is_ok() {} }).await.expect("it hangs up");
    assert!(begun.elapsed() < Duration::from_secs(5), "it is told at once");
}

#[tokio::test]
async fn a_refusal_that_comes_before_the_upload_has_ended_is_the_answer() {
    let (node, _) = refusing(|| Error::TooLarge { max_bytes: 5 }, 1);
    let asks = asks(&photos(settings(&[node.address])));

    for _ in 0..20 {
        let (tap, answered) = uploading(&asks);
        let pouring = async { while tap.send(bytes(MIB)).await.is_ok() {} };
        let hung_up = tokio::time::timeout(PATIENCE, pouring).await;

        assert!(hung_up.is_ok(), "no more is taken");
        assert!(matches!(answered.await.unwrap(), Err(Error::TooLarge { max_bytes: 5 })));
    }
}

#[tokio::test]
async fn an_upload_of_which_nothing_was_sent_is_taken_to_another_node() {
    let ((refusing, refused), (keeping, mut asked)) = (refusing(|| Error::Ask(AskError::Overloaded), 0), keeping());
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let asks = asks(&photos(settings(&[refusing.address, nobody, keeping.address]).budget(ample())));

    for _ in 0..20 {
        let (tap, answered) = uploading(&asks);
        let mut call = tokio::time::timeout(PATIENCE, asked.next()).await.expect("the other node is asked");
        tap.send(bytes(100)).await.unwrap();
        tap.finish();

        assert_eq!(received(&mut call.message.upload).await.unwrap(), bytes(100));
        call.answer(Ok(photo()));
        assert!(answered.await.unwrap().is_ok());
    }

    assert!(refused.load(Ordering::SeqCst) > 0);
}

#[tokio::test]
async fn an_upload_of_which_something_was_sent_is_taken_to_no_other_node() {
    let overloaded = || Error::Ask(AskError::Overloaded);
    let ((one, first), (other, second)) = (refusing(overloaded, 1), refusing(overloaded, 1));
    let asks = asks(&photos(settings(&[one.address, other.address]).budget(ample())));

    let (tap, answered) = uploading(&asks);
    tap.send(bytes(100)).await.unwrap();

    assert!(matches!(answered.await.unwrap(), Err(Error::Ask(AskError::Overloaded))));
    assert_eq!(first.load(Ordering::SeqCst) + second.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn the_callers_deadline_counts_and_not_the_patience_of_the_node_that_is_asked() {
    let slow = Ask::from_fn(|mut load: Load| async move {
        received(&mut load.upload).await.map_err(|UploadAborted| Error::Aborted)?;
        Ok(photo())
    });
    let load = slow.timeout(Duration::from_millis(50));
    let node = Node::of(Server::new(Limits::default()).photos(portico_photo::Asks { load, ..photo_asks() }));
    let asks = asks(&photos(settings(&[node.address])));

    let (tap, answered) = uploading(&asks);
    tap.send(bytes(100)).await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    tap.finish();

    assert!(answered.await.unwrap().is_ok());
}

#[tokio::test]
async fn uploads_that_take_too_long_are_late_and_are_not_held_against_the_node() {
    let (node, mut asked) = keeping();
    let peers = photos(settings(&[node.address]));
    let mut hasty = asks(&peers);
    hasty.load = hasty.load.timeout(Duration::from_millis(300));

    for _ in 0..3 {
        let (_tap, answered) = uploading(&hasty);
        let mut call = asked.next().await;
        assert!(matches!(answered.await.unwrap(), Err(Error::Ask(AskError::Late))));
        assert_eq!(received(&mut call.message.upload).await, Err(UploadAborted));
    }

    let known = state(&peers, node.address);
    assert!(known.healthy && known.failures == 0, "{known:?}");
}

#[tokio::test]
async fn uploads_that_are_not_taken_hold_up_no_other_call() {
    let (load, mut asked) = probe();
    let get = Ask::from_fn(|_| async { Ok(photo()) });
    let node = Node::of(Server::new(Limits::default()).photos(portico_photo::Asks { load, get, ..photo_asks() }));
    let asks = asks(&photos(settings(&[node.address])));
    let mut stuck = Vec::new();
    let calls = async {
        for _ in 0..8 {
            let ((tap, answered), poured) = (uploading(&asks), Arc::<AtomicUsize>::default());
            let counted = Arc::clone(&poured);
            let pouring = tokio::spawn(async move {
                while tap.send(bytes(64 * 1024)).await.is_ok() {
                    counted.fetch_add(1, Ordering::SeqCst);
                }
            });
            stuck.push((asked.next().await, answered, pouring));
            settled(&poured).await;
        }
        let get = portico_photo::Get { owner: UserId::new(), photo: photo().id };
        asks.get.ask(get).await
    };

    let answered = tokio::time::timeout(PATIENCE / 2, calls).await; // before any of the uploads is given up

    assert!(answered.expect("nothing waits for what is stuck").is_ok());
}

/// A client that knows nothing of Portico.
async fn stranger(node: &Node) -> PhotosClient<Channel> {
    let channel = Channel::from_shared(format!("http://{}", node.address)).unwrap().connect().await.unwrap();
    PhotosClient::new(channel)
}

fn head() -> LoadPhotoRequest {
    let head = UploadHead { owner_id: UserId::new().to_string(), idempotency_key: None };
    LoadPhotoRequest { part: Some(Part::Head(head)) }
}

fn chunk(length: usize) -> LoadPhotoRequest {
    LoadPhotoRequest { part: Some(Part::Chunk(bytes(length))) }
}

/// Why an upload was refused.
fn refusal<T>(answered: Result<Response<T>, Status>) -> Status {
    answered.err().expect("it is refused")
}

/// A domain that tells what became of each upload, and keeps those that are whole.
fn telling(limits: Limits) -> (Node, mpsc::UnboundedReceiver<Result<usize, UploadAborted>>) {
    let (told, outcomes) = mpsc::unbounded_channel();
    let load = Ask::from_fn(move |mut load: Load| {
        let told = told.clone();
        // Like an actor, it goes on when the caller is gone.
        let work = tokio::spawn(async move {
            let outcome = received(&mut load.upload).await;
            told.send(outcome.as_ref().map(Vec::len).map_err(|aborted| *aborted)).unwrap();
            outcome.map(|_| photo()).map_err(|UploadAborted| Error::Aborted)
        });
        async move { work.await.unwrap() }
    });
    (Node::of(Server::new(limits).photos(portico_photo::Asks { load, ..photo_asks() })), outcomes)
}

#[tokio::test]
async fn a_stream_that_ends_without_its_end_is_an_upload_that_was_broken_off() {
    let (node, mut outcomes) = telling(Limits::default());
    let mut client = stranger(&node).await;

    let whole = [head(), chunk(9), LoadPhotoRequest { part: Some(Part::End(End {})) }];
    assert!(client.load_photo(stream::iter(whole)).await.is_ok());
    assert_eq!(outcomes.recv().await, Some(Ok(9)));

    let status = refusal(client.load_photo(stream::iter([head(), chunk(9)])).await);
    assert_eq!((status.code(), status.message()), (Code::InvalidArgument, "upload was broken off"));
    assert_eq!(outcomes.recv().await, Some(Err(UploadAborted)));

    let status = refusal(client.load_photo(stream::iter([])).await);
    assert_eq!((status.code(), status.message()), (Code::InvalidArgument, "upload was broken off"));
}

#[tokio::test]
async fn an_upload_that_pauses_too_long_is_broken_off() {
    let (node, mut outcomes) = telling(Limits { upload_pause_max: Duration::from_millis(100), ..Limits::default() });
    let begun = || futures_util::StreamExt::chain(stream::iter([head(), chunk(9)]), stream::pending());

    let status = refusal(stranger(&node).await.load_photo(begun()).await);

    assert_eq!(status.message(), "upload was broken off");
    assert_eq!(outcomes.recv().await, Some(Err(UploadAborted)));
}

#[tokio::test]
async fn a_malformed_part_is_the_clients_fault_and_breaks_the_upload_off() {
    let (node, mut outcomes) = telling(Limits::default());
    let mut client = stranger(&node).await;
    let nothing = LoadPhotoRequest { part: None };

    for (parts, told) in [
        (vec![head(), chunk(9), chunk(64 * 1024 + 1)], "chunk: must be at most 64 KiB"),
        (vec![head(), chunk(9), head()], "part: must be a chunk or the end"),
        (vec![head(), nothing.clone()], "part: must be a chunk or the end"),
    ] {
        let status = refusal(client.load_photo(stream::iter(parts)).await);
        assert_eq!((status.code(), status.message()), (Code::InvalidArgument, told));
        assert_eq!(outcomes.recv().await, Some(Err(UploadAborted)));
    }
    for (first, told) in [(chunk(9), "part: must be a head"), (nothing, "part: must be a head")] {
        let status = refusal(client.load_photo(stream::iter([first])).await);
        assert_eq!((status.code(), status.message()), (Code::InvalidArgument, told));
    }
    assert!(outcomes.try_recv().is_err(), "without a head nothing is asked");
}
