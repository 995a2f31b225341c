//! Photos' bytes on their way from the node that keeps them.

use std::{
    ops::Range,
    sync::{Arc, Mutex, atomic::Ordering},
    time::Duration,
};

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use h2::{Reason, server::SendResponse};
use portico_bus::grpc::{
    Limits, Server,
    proto::photo::v1::{OpenPhotoRequest, OpenPhotoResponse, open_photo_response::Part, photos_client::PhotosClient},
};
use portico_kernel::{
    Ask, AskError, StoreError, UserId,
    testkit::{probe, until},
};
use portico_photo::{ByteStream, Content, Error, Get, Open, Photo, Rendition};
use prost::Message as _;
use tokio::time::Instant;
use tonic::codegen::http::{HeaderMap, HeaderValue, Response};

use crate::support::{
    Node, PATIENCE, Picture, Rogue, Shown as _, asks, bytes, chunks, photo, photo_asks, photos, settings, state,
};

const MIB: usize = 1024 * 1024;

/// A node whose photos' content is `content`, and that knows every photo.
fn showing(content: impl Fn() -> portico_photo::Content + Send + Sync + 'static) -> Node {
    showing_with(Limits::default(), content)
}

fn showing_with(limits: Limits, content: impl Fn() -> portico_photo::Content + Send + Sync + 'static) -> Node {
    let open = Ask::from_fn(move |_| std::future::ready(Ok(content())));
    let get = Ask::from_fn(|_| async { Ok(photo()) });
    Node::of(Server::new(limits).photos(portico_photo::Asks { open, get, ..photo_asks() }))
}

fn open() -> Open {
    Open { photo: photo(), rendition: Rendition::Original, range: None }
}

fn get() -> Get {
    Get { owner: UserId::new(), photo: photo().id }
}

/// All bytes, and what ended them if it was an error.
async fn read(mut content: ByteStream) -> (Vec<u8>, Option<StoreError>) {
    let mut all = Vec::new();
    let reading = async {
        loop {
            match content.try_next().await {
                Ok(Some(bytes)) => all.extend(bytes),
                Ok(None) => return None,
                Err(error) => return Some(error),
            }
        }
    };
    let error = tokio::time::timeout(PATIENCE, reading).await.expect("it ends");
    (all, error)
}

#[tokio::test]
async fn what_is_to_be_opened_arrives_as_it_was_asked_for() {
    let (local, mut asked) = probe::<Open>();
    let server = Server::new(Limits::default()).photos(portico_photo::Asks { open: local, ..photo_asks() });
    let node = Node::of(server);
    let asks = asks(&photos(settings(&[node.address])));

    for rendition in Rendition::ALL {
        for range in [None, Some(0..u64::MAX), Some(7..7)] {
            let open = Open { photo: photo(), rendition, range: range.clone() };
            let sent = open.photo.shown();
            let (opened, ()) = tokio::join!(asks.open.ask(open), async {
                let call = asked.next().await;
                assert_eq!(call.message.photo.shown(), sent);
                assert_eq!((call.message.rendition, &call.message.range), (rendition, &range));
                call.answer(Ok(Picture::default().whole(Bytes::from_static(b"a picture"))));
            });
            let (bytes, error) = read(opened.unwrap().0).await;
            assert_eq!((&*bytes, error.is_none()), (b"a picture".as_slice(), true));
        }
    }
}

#[tokio::test]
async fn content_arrives_whole_however_it_is_cut() {
    let picture = bytes(3 * MIB + 7);
    for pieces in [1, 1000, 64 * 1024, 4 * MIB] {
        let cut: Vec<_> = if pieces == 1 {
            picture.slice(..100).chunks(1).map(Bytes::copy_from_slice).collect()
        } else {
            picture.chunks(pieces).map(Bytes::copy_from_slice).chain([Bytes::new()]).collect()
        };
        let expected = cut.concat();
        let node = showing(move || Picture::default().of(stream::iter(cut.clone().into_iter().map(Ok))));

        let content = asks(&photos(settings(&[node.address]))).open.ask(open()).await.unwrap();

        let (bytes, error) = read(content.0).await;
        assert!(error.is_none() && bytes == expected, "{pieces}");
    }
}

#[tokio::test]
async fn the_calls_deadline_counts_for_the_answer_and_not_for_the_bytes() {
    let slowly = || {
        let pieces = stream::iter(chunks(bytes(MIB))).then(|piece| async {
            tokio::time::sleep(Duration::from_millis(40)).await;
            Ok(piece)
        });
        Picture::default().of(pieces)
    };
    let node = showing(slowly);
    let ask = asks(&photos(settings(&[node.address]))).open.timeout(Duration::from_millis(300));

    let begun = Instant::now();
    let (read, error) = read(ask.ask(open()).await.unwrap().0).await;

    assert!(begun.elapsed() > Duration::from_millis(500), "it took longer than the call may");
    assert!(error.is_none() && read == bytes(MIB));
}

#[tokio::test]
async fn an_error_in_the_middle_ends_the_bytes_as_the_error_that_it_was() {
    let node = showing(|| {
        let broken = StoreError::Uncertain(Box::new(StoreError::Full("the disk is on fire".into())));
        Picture::default().of(stream::iter([Ok(bytes(100_000)), Err(broken)]))
    });
    let peers = photos(settings(&[node.address]));

    let (read, error) = read(asks(&peers).open.ask(open()).await.unwrap().0).await;

    assert_eq!(read, bytes(100_000));
    let Some(StoreError::Uncertain(cause)) = error else { panic!("{error:?}") };
    assert_eq!(cause.to_string(), StoreError::Full("".into()).to_string());
    assert_eq!(cause.source().unwrap().to_string(), "the disk is on fire");
    assert_eq!(state(&peers, node.address).failures, 0, "the node itself did not fail");
}

#[tokio::test]
async fn a_node_that_is_killed_in_the_middle_ends_the_bytes_with_an_error() {
    let node = showing(|| Picture::default().of(stream::iter([Ok(bytes(100))]).chain(stream::pending())));
    let mut content = asks(&photos(settings(&[node.address]))).open.ask(open()).await.unwrap().0;
    assert_eq!(content.try_next().await.unwrap().unwrap(), bytes(100));

    tokio::task::spawn_blocking(move || node.kill()).await.unwrap();

    let (rest, error) = read(content).await;
    assert!(rest.is_empty() && matches!(error, Some(StoreError::Unavailable(_))), "{error:?}");
}

#[tokio::test]
async fn where_a_node_is_killed_in_the_middle_another_one_tells_the_rest() {
    const WHOLE: usize = 5 * MIB;
    let opened = Arc::<Mutex<Vec<(usize, Option<Range<u64>>)>>>::default();
    let node = |number| {
        let opened = Arc::clone(&opened);
        let open = Ask::from_fn(move |message: Open| {
            opened.lock().unwrap().push((number, message.range.clone()));
            let content: ByteStream = match message.range {
                None => stream::iter([Ok(bytes(WHOLE).slice(..MIB))]).chain(stream::pending()).boxed(),
                Some(rest) => {
                    let [start, end] = [rest.start, rest.end].map(|place| usize::try_from(place).unwrap());
                    stream::iter([Ok(bytes(WHOLE).slice(start..end))]).boxed()
                }
            };
            std::future::ready(Ok(Content(content)))
        });
        Node::of(Server::new(Limits::default()).photos(portico_photo::Asks { open, ..photo_asks() }))
    };
    let mut nodes = [Some(node(0)), Some(node(1))];
    let addresses = nodes.each_ref().map(|node| node.as_ref().unwrap().address);
    let message = Open { photo: Photo { size_bytes: WHOLE as u64, ..photo() }, ..open() };
    let mut content = asks(&photos(settings(&addresses))).open.ask(message).await.unwrap().0;
    let mut begun = Vec::new();
    while begun.len() < MIB {
        begun.extend(content.try_next().await.unwrap().unwrap());
    }

    let killed = opened.lock().unwrap()[0].0;
    let node = nodes[killed].take().unwrap();
    tokio::task::spawn_blocking(move || node.kill()).await.unwrap();
    let (rest, error) = read(content).await;

    assert!(error.is_none(), "{error:?}");
    assert!([begun, rest].concat() == bytes(WHOLE), "every byte comes once and in its place");
    assert_eq!(opened.lock().unwrap()[1..], [(1 - killed, Some(MIB as u64..WHOLE as u64))]);
}

/// A part of content as it travels.
fn frame(bytes: Bytes) -> Bytes {
    let message = OpenPhotoResponse { part: Some(Part::Chunk(bytes)) }.encode_to_vec();
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    [&[0], &length[..], &message].concat().into()
}

#[tokio::test]
async fn a_stream_that_ends_without_its_end_is_no_short_picture() {
    fn answer(mut response: SendResponse<Bytes>) -> h2::SendStream<Bytes> {
        let head = Response::builder().header("content-type", "application/grpc").body(()).unwrap();
        let mut body = response.send_response(head, false).unwrap();
        body.send_data(frame(Bytes::from_static(b"half")), false).unwrap();
        body
    }
    let ends: [fn(SendResponse<Bytes>); 4] = [
        |response| answer(response).send_reset(Reason::NO_ERROR),
        |response| answer(response).send_reset(Reason::CANCEL),
        |response| answer(response).send_data(Bytes::new(), true).unwrap(),
        |response| {
            let trailers = HeaderMap::from_iter([("grpc-status".parse().unwrap(), HeaderValue::from_static("0"))]);
            answer(response).send_trailers(trailers).unwrap();
        },
    ];
    for (number, end) in ends.into_iter().enumerate() {
        let rogue = Rogue::http2(end).await;
        let peers = photos(settings(&[rogue.address]));

        // A reset may overtake the head of the answer.
        let error = match asks(&peers).open.ask(open()).await {
            Ok(content) => read(content.0).await.1.map(Error::Store),
            Err(error) => Some(error),
        };

        assert!(error.is_some(), "{number}: half a picture is none");
        assert_eq!(state(&peers, rogue.address).failures, 1, "{number}");
    }
}

#[tokio::test]
async fn of_content_that_is_not_read_little_is_on_its_way_and_no_more_at_any_time() {
    let picture = Picture::default();
    let shown = picture.clone();
    let node = showing(move || shown.whole(bytes(10 * MIB)));
    let mut content = asks(&photos(settings(&[node.address]))).open.ask(open()).await.unwrap().0;

    let ahead = picture.settled().await;
    assert!(ahead < MIB, "{ahead} bytes before anything is read");
    let (mut all, mut most) = (Vec::new(), 0);
    while let Some(bytes) = content.try_next().await.unwrap() {
        all.extend(bytes);
        tokio::time::sleep(Duration::from_millis(2)).await;
        most = most.max(picture.read.load(Ordering::SeqCst) - all.len());
    }

    assert!(most < MIB, "{most} bytes on their way");
    assert!(all == bytes(10 * MIB));
}

#[tokio::test]
async fn contents_that_are_not_read_hold_up_no_other_call() {
    let picture = Picture::default();
    let shown = picture.clone();
    let node = showing(move || shown.whole(bytes(10 * MIB)));
    let asks = asks(&photos(settings(&[node.address])));
    let mut unread = Vec::new();
    for _ in 0..32 {
        unread.push(asks.open.ask(open()).await.unwrap());
    }
    picture.settled().await;

    let answered = tokio::time::timeout(Duration::from_secs(5), asks.get.ask(get())).await;
    assert!(answered.expect("it is answered at once").is_ok());

    let another = asks.open.ask(open()).await.unwrap();
    assert!(read(another.0).await.0 == bytes(10 * MIB));
}

#[tokio::test]
async fn a_reader_who_goes_away_closes_the_content_at_the_other_node() {
    for pieces in [10 * MIB, 100] {
        let picture = Picture::default();
        let shown = picture.clone();
        let node = showing(move || shown.of(stream::iter(chunks(bytes(pieces)).map(Ok)).chain(stream::pending())));
        let peers = photos(settings(&[node.address]));
        let mut content = asks(&peers).open.ask(open()).await.unwrap().0;
        content.try_next().await.unwrap();
        assert_eq!((picture.is_closed(), state(&peers, node.address).in_flight), (false, 1));

        drop(content);

        until("it is closed", || picture.is_closed()).await;
        assert_eq!(state(&peers, node.address).in_flight, 0);
    }
}

#[tokio::test]
async fn content_that_nobody_takes_for_too_long_is_closed_and_whoever_comes_back_sees_an_error() {
    let picture = Picture::default();
    let shown = picture.clone();
    let limits = Limits { content_pause_max: Duration::from_millis(100), ..Limits::default() };
    let node = showing_with(limits, move || shown.whole(bytes(10 * MIB)));

    let content = asks(&photos(settings(&[node.address]))).open.ask(open()).await.unwrap();
    until("it is closed", || picture.is_closed()).await;

    let (read, error) = read(content.0).await;
    assert!(read.len() < MIB && bytes(10 * MIB).starts_with(&read));
    assert!(matches!(error, Some(StoreError::Unavailable(_))), "{error:?}");
}

#[tokio::test]
async fn a_node_that_falls_silent_in_the_middle_is_not_waited_for_for_ever() {
    let picture = Picture::default();
    let shown = picture.clone();
    let node = showing(move || shown.of(stream::iter([Ok(bytes(100))]).chain(stream::pending())));
    let peers = photos(settings(&[node.address]).silence_max(Duration::from_millis(100)));

    let (read, error) = read(asks(&peers).open.ask(open()).await.unwrap().0).await;

    assert_eq!(read, bytes(100));
    assert!(matches!(error, Some(StoreError::Unavailable(_))), "{error:?}");
    until("it is closed at the other node, too", || picture.is_closed()).await;
    let known = state(&peers, node.address);
    assert_eq!((known.in_flight, known.failures), (0, 1));
}

#[tokio::test]
async fn contents_get_half_of_the_places_of_a_node_at_most_and_give_them_back() {
    let node = showing(|| Picture::default().whole(bytes(MIB)));
    let peers = photos(settings(&[node.address]).in_flight_max(4));
    let asks = asks(&peers);
    let (first, second) = (asks.open.ask(open()).await.unwrap(), asks.open.ask(open()).await.unwrap());

    assert!(matches!(asks.open.ask(open()).await, Err(Error::Ask(AskError::Overloaded))));
    assert!(asks.get.ask(get()).await.is_ok());
    assert_eq!(state(&peers, node.address).in_flight, 2);

    drop(first);
    assert!(read(second.0).await.1.is_none());
    assert_eq!(state(&peers, node.address).in_flight, 0);
    assert!(asks.open.ask(open()).await.is_ok());
}

#[tokio::test]
async fn no_part_of_content_is_longer_than_64_kib() {
    let node = showing(|| Picture::default().of(stream::iter([Ok(bytes(MIB + 1))])));
    let channel = tonic::transport::Channel::from_shared(format!("http://{}", node.address)).unwrap();
    let mut client = PhotosClient::new(channel.connect().await.unwrap());
    let wire = wire_photo();

    let parts = client.open_photo(OpenPhotoRequest { photo: Some(wire), rendition: 1, range: None }).await.unwrap();
    let parts: Vec<_> = parts.into_inner().map_ok(|part| part.part.unwrap()).try_collect().await.unwrap();

    let (last, chunks) = parts.split_last().unwrap();
    assert!(matches!(last, Part::End(_)));
    let length = |part: &Part| if let Part::Chunk(bytes) = part { bytes.len() } else { 0 };
    assert_eq!(chunks.iter().map(length).collect::<Vec<_>>(), [vec![65_536; 16], vec![1]].concat());
}

/// A photo as a stranger sends it.
fn wire_photo() -> portico_bus::grpc::proto::photo::v1::Photo {
    portico_bus::grpc::proto::photo::v1::Photo {
        id: photo().id.to_string(),
        owner_id: UserId::new().to_string(),
        content_type: 1,
        sha256: bytes(32),
        thumb_type: 2,
        thumb_sha256: bytes(32),
        created_at: Some(prost_types::Timestamp::default()),
        ..Default::default()
    }
}
