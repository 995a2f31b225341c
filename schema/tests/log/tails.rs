//! What is read for somebody who sits elsewhere: whole lines, as they are taken, and no more readers than there may be.

use futures_util::StreamExt as _;
use portico_kernel::AskError;
use portico_log::{Error, Filter, Lines, Service, Tail, testkit::contract::NOW};
use portico_schema::log::{LogTails, READERS_MAX};
use tokio_util::sync::CancellationToken;

use crate::support::{World, world};

impl World {
    fn tails(&self) -> LogTails {
        LogTails::new(self.dir().to_owned(), CancellationToken::new())
    }
}

/// How many lines there are in what is read to its end, each chunk of which holds whole ones.
async fn count(lines: Lines) -> usize {
    let chunks: Vec<_> = lines.0.map(Result::unwrap).collect().await;
    assert!(chunks.iter().all(|chunk| chunk.ends_with(b"\n") && chunk.len() < 256 * 1024));
    chunks.iter().map(|chunk| chunk.split(|byte| *byte == b'\n').count() - 1).sum()
}

/// The next chunk, as text.
async fn next(lines: &mut Lines) -> Option<String> {
    Some(String::from_utf8(lines.0.next().await?.unwrap().into()).unwrap())
}

#[tokio::test]
async fn all_records_are_read_or_the_last_few_or_those_of_a_service() {
    let world = world();
    for sequence in 1..=300 {
        let (service, body) = (if sequence % 3 == 0 { "photo" } else { "user" }, "x".repeat(1000));
        world.say(service, sequence, NOW, &body).await;
    }
    let tails = world.tails();
    let read = |tail| count(tails.read(tail).unwrap());

    let photos = Filter { services: vec![Service::parse("photo").unwrap()], ..Filter::default() };

    assert_eq!(read(Tail::default()).await, 300);
    assert_eq!(read(Tail { last: Some(7), ..Tail::default() }).await, 7);
    assert_eq!(read(Tail { filter: photos, ..Tail::default() }).await, 100);
}

#[tokio::test]
async fn whoever_follows_is_told_what_is_written_until_the_node_ends() {
    let world = world();
    let stop = CancellationToken::new();
    world.say("user", 1, NOW, "before").await;
    let mut lines =
        LogTails::new(world.dir().to_owned(), stop.clone()).read(Tail { follow: true, ..Tail::default() }).unwrap();

    assert!(next(&mut lines).await.unwrap().contains("before"));
    world.say("photo", 2, NOW, "after").await;
    assert!(next(&mut lines).await.unwrap().contains("after"));

    stop.cancel();
    assert!(lines.0.next().await.unwrap().is_err(), "it is no end like others");
    assert!(lines.0.next().await.is_none());
}

#[tokio::test]
async fn one_reader_too_many_is_refused_until_another_is_gone() {
    let world = world();
    let (tails, follow) = (world.tails(), Tail { follow: true, ..Tail::default() });
    let mut readers: Vec<_> = (0..READERS_MAX).map(|_| tails.read(follow.clone()).unwrap()).collect();

    assert!(matches!(tails.read(follow.clone()), Err(Error::Ask(AskError::Overloaded))));

    readers.pop();
    let freed = async {
        while tails.read(follow.clone()).is_err() {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), freed).await.expect("its place is free again");
}
