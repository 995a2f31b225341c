//! Log records over gRPC: a real spool, a node that keeps records, and what comes between them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use portico_bus::{
    Forwarder,
    grpc::{Bridge, Limits, Logs as LogDomain, Peers, Server},
};
use portico_kernel::{Ask, AskError, Intensity, Spec, StoreError, Strategy, Supervisor, testkit::until};
use portico_log::{
    Append, Asks, Error, Filter, Lines, Record, Service, Severity, Store as _, TAIL_LAST_MAX, Tail,
    testkit::{Memory, contract::NOW, origin, record},
};
use portico_schema::log::SpoolFiles;
use tempfile::TempDir;

use crate::support::{Node, Place, settings};

/// A node's spool, with what carries records from it.
struct Sender {
    spool: SpoolFiles,
    _root: Supervisor,
    _dir: TempDir,
}

impl Sender {
    /// Carries records to the node at `place`.
    fn to(place: &Place) -> Self {
        let append = Ask::new(Bridge::<LogDomain>::new(Peers::new(settings(&[place.address]))));
        let dir = tempfile::tempdir().unwrap();
        let spool = SpoolFiles::open(dir.path().join("spool"), 64 * 1024 * 1024).unwrap();
        let intensity = Intensity { restarts: 10, within: Duration::from_mins(1) };
        let root = Supervisor::root("test", Strategy::OneForOne, intensity);
        let carried = spool.clone();
        root.supervise(Spec::new("log-forwarder"), move || Forwarder::new(Arc::new(carried.clone()), &append));
        Self { spool, _root: root, _dir: dir }
    }

    async fn log(&self, sequences: std::ops::RangeInclusive<u64>) {
        self.spool.append(run(sequences).into()).await.unwrap();
    }
}

fn run(sequences: std::ops::RangeInclusive<u64>) -> Vec<Record> {
    sequences.map(|sequence| record("user", &origin(1), sequence, NOW, &format!("record {sequence}"))).collect()
}

/// A node that keeps records in `store`, and then answers with what `fails` says, if anything.
fn keeping(
    place: Place,
    store: &Arc<Memory>,
    fails: impl Fn() -> Option<AskError> + Clone + Send + Sync + 'static,
) -> Node {
    let store = Arc::clone(store);
    let append = Ask::from_fn(move |append: Append| {
        let (store, failure) = (Arc::clone(&store), fails());
        async move {
            store.append(append.records).await?;
            failure.map_or(Ok(()), |failure| Err(Error::Ask(failure)))
        }
    });
    Node::at(place, Server::new(Limits::default()).logs(Asks { append: Some(append), tail: None }))
}

async fn kept(store: &Memory, records: &[Record]) {
    until("all records stand", || store.records().len() >= records.len()).await;
    assert_eq!(store.records(), records, "each once, in their order");
}

#[actix_rt::test]
async fn what_a_node_logs_is_kept_by_another_and_then_forgotten() {
    let (store, place) = (Arc::<Memory>::default(), Place::new());
    let _node = keeping(place.clone(), &store, || None);
    let sender = Sender::to(&place);

    sender.log(1..=3000).await;
    sender.log(3001..=3002).await;

    kept(&store, &run(1..=3002)).await;
    until("they are forgotten", || sender.spool.bytes() == 0).await;
}

#[actix_rt::test]
async fn an_answer_that_got_lost_has_the_same_records_asked_again_and_kept_once() {
    let (store, place, lost) = (Arc::<Memory>::default(), Place::new(), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&lost);
    let fails = move || (counted.fetch_add(1, SeqCst) < 2).then_some(AskError::Late);
    let _node = keeping(place.clone(), &store, fails);
    let sender = Sender::to(&place);

    sender.log(1..=10).await;
    until("it was asked again", || lost.load(SeqCst) >= 3).await;
    sender.log(11..=12).await;

    kept(&store, &run(1..=12)).await;
}

#[actix_rt::test]
async fn what_is_logged_while_no_node_keeps_records_waits_and_then_comes_in_its_order() {
    let (store, place) = (Arc::<Memory>::default(), Place::new());
    let sender = Sender::to(&place);
    sender.log(1..=5).await;
    let node = keeping(place.clone(), &store, || None);
    kept(&store, &run(1..=5)).await;

    node.kill();
    sender.log(6..=9).await;
    assert!(sender.spool.bytes() > 0, "they wait");
    let _node = keeping(place, &store, || None);

    kept(&store, &run(1..=9)).await;
}

#[actix_rt::test]
async fn a_line_that_is_no_record_is_the_senders_fault_and_nothing_is_kept() {
    use portico_bus::grpc::proto::log::v1::{AppendRequest, logs_client::LogsClient};
    use tonic::{Code, transport::Channel};

    let (store, place) = (Arc::<Memory>::default(), Place::new());
    let node = keeping(place, &store, || None);
    let channel = Channel::from_shared(format!("http://{}", node.address)).unwrap().connect().await.unwrap();
    let good = run(1..=1)[0].line().trim_ascii_end().to_vec();

    let request = AppendRequest { lines: vec![good, b"{}".to_vec()] };
    let refused = LogsClient::new(channel).append(request).await.err().expect("it is refused");

    assert_eq!(refused.code(), Code::InvalidArgument);
    assert!(store.records().is_empty());
}

/// A node whose files hold `read`.
fn telling(read: impl Fn(Tail) -> Vec<Result<Bytes, StoreError>> + Send + Sync + 'static) -> (Node, Ask<Tail>) {
    let tail = Ask::from_fn(move |tail| std::future::ready(Ok(Lines(stream::iter(read(tail)).boxed()))));
    let node = Node::of(Server::new(Limits::default()).logs(Asks { append: None, tail: Some(tail) }));
    let ask = Ask::new(Bridge::<LogDomain>::new(Peers::new(settings(&[node.address]))));
    (node, ask)
}

#[actix_rt::test]
async fn records_are_read_of_another_node_by_the_same_filter_to_their_end() {
    let wanted = Tail {
        filter: Filter {
            services: vec![Service::parse("user").unwrap(), Service::LOG],
            severity: Some(Severity::Warn),
            trace_id: Some("0af7651916cd43dd8448eb211c80319c".to_owned()),
            since: Some(NOW),
            until: Some(NOW + Duration::from_nanos(1)),
        },
        last: Some(TAIL_LAST_MAX),
        follow: true,
    };
    let expected = wanted.clone();
    let (_node, ask) = telling(move |tail| {
        assert_eq!(tail, expected);
        vec![Ok("one\n".into()), Ok("two\nthree\n".into())]
    });

    let read: Vec<_> = ask.ask(wanted).await.unwrap().0.map(Result::unwrap).collect().await;

    assert_eq!(read.concat(), b"one\ntwo\nthree\n");
}

#[actix_rt::test]
async fn records_that_break_off_say_why_and_more_than_may_be_asked_for_are_refused() {
    let (_node, ask) =
        telling(|_| vec![Ok("one\n".into()), Err(StoreError::Unavailable("the disk has failed".into()))]);

    let mut lines = ask.ask(Tail::default()).await.unwrap();
    assert_eq!(lines.0.next().await.unwrap().unwrap(), "one\n");
    let failure = lines.0.next().await.unwrap().unwrap_err();
    assert!(
        matches!(&failure, StoreError::Unavailable(why) if why.to_string().contains("the disk has failed")),
        "{failure:?}"
    );
    assert!(lines.0.next().await.is_none());

    assert!(ask.ask(Tail { last: Some(TAIL_LAST_MAX + 1), ..Tail::default() }).await.is_err());
}

#[actix_rt::test]
async fn a_node_without_files_says_that_it_has_none() {
    let node = Node::of(Server::new(Limits::default()).logs(Asks::default()));
    let ask = Ask::<Tail>::new(Bridge::<LogDomain>::new(Peers::new(settings(&[node.address]))));

    assert!(ask.ask(Tail::default()).await.is_err());
}
