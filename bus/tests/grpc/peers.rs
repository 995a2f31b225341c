//! Which node is asked, which is not asked for a while, and what is asked again elsewhere.

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::future::join_all;
use h2::Reason;
use portico_bus::grpc::Peers;
use portico_kernel::{
    Ask, AskError, RetryBudget, TraceContext,
    testkit::{probe, until},
};
use portico_session::{Error, Live, Validate};
use tokio::{task::JoinHandle, time::Instant};

use crate::support::{Node, Place, Rogue, answering, ask, ask_peers, live, settings, state, validate};

/// A node that counts what it is asked, and answers after a moment.
fn counting() -> (Node, Arc<AtomicUsize>) {
    let asked = Arc::<AtomicUsize>::default();
    let counted = Arc::clone(&asked);
    let node = Node::sessions(Ask::from_fn(move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
        async {
            tokio::time::sleep(Duration::from_millis(5)).await;
            Ok(live())
        }
    }));
    (node, asked)
}

/// A node that answers every validation with `error`, and counts them.
fn refusing(error: AskError) -> (Node, Arc<AtomicUsize>) {
    let asked = Arc::<AtomicUsize>::default();
    let counted = Arc::clone(&asked);
    let node = Node::sessions(Ask::from_fn(move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
        async move { Err(error.into()) }
    }));
    (node, asked)
}

/// A budget that nobody here uses up.
fn ample() -> RetryBudget {
    RetryBudget::new(1.0, 1_000.0)
}

async fn kill(node: Node) -> Place {
    tokio::task::spawn_blocking(move || node.kill()).await.unwrap()
}

#[tokio::test]
async fn two_nodes_share_the_calls() {
    let ((one, first), (other, second)) = (counting(), counting());
    let ask = ask(settings(&[one.address, other.address]));

    for _ in 0..10 {
        let answers = join_all((0..20).map(|_| ask.ask(validate()))).await;
        assert!(answers.iter().all(Result::is_ok));
    }

    let (first, second) = (first.load(Ordering::SeqCst), second.load(Ordering::SeqCst));
    assert_eq!(first + second, 200);
    assert!(first.abs_diff(second) < 60, "{first} and {second}");
}

#[tokio::test]
async fn a_node_that_is_busy_is_not_asked_while_another_is_idle() {
    let (slow, mut asked) = probe::<Validate>();
    let ((quick, answered), slow) = (counting(), Node::sessions(slow));
    let ask = ask(settings(&[quick.address, slow.address]));
    let waiting = loop {
        let asking = {
            let ask = ask.clone();
            tokio::spawn(async move { ask.ask(validate()).await })
        };
        tokio::select! {
            call = asked.next() => break call,
            answered = asking => assert!(answered.unwrap().is_ok()),
        }
    };
    answered.store(0, Ordering::SeqCst);

    for _ in 0..30 {
        assert!(ask.ask(validate()).await.is_ok());
    }

    assert_eq!(answered.load(Ordering::SeqCst), 30);
    waiting.answer(Ok(live()));
}

#[tokio::test]
async fn what_one_node_refuses_another_is_asked() {
    for error in [AskError::Overloaded, AskError::Draining, AskError::Unavailable] {
        let ((refusing, refused), (serving, served)) = (refusing(error), counting());
        let ask = ask(settings(&[refusing.address, serving.address]).budget(ample()));

        for _ in 0..20 {
            assert!(ask.ask(validate()).await.is_ok(), "{error}");
        }

        assert!(refused.load(Ordering::SeqCst) > 0, "{error}");
        assert_eq!(served.load(Ordering::SeqCst), 20, "{error}");
    }
}

#[tokio::test]
async fn what_may_have_run_is_asked_of_no_other_node() {
    for reason in [Reason::INTERNAL_ERROR, Reason::CANCEL] {
        let (one, other) = (Rogue::resetting(reason).await, Rogue::resetting(reason).await);
        let ask = ask(settings(&[one.address, other.address]).budget(ample()));

        assert!(matches!(ask.ask(validate()).await, Err(Error::Ask(AskError::Late))));

        assert_eq!(one.calls.load(Ordering::SeqCst) + other.calls.load(Ordering::SeqCst), 1);
    }
    for error in [AskError::Crashed, AskError::Late] {
        let ((one, first), (other, second)) = (refusing(error), refusing(error));
        let ask = ask(settings(&[one.address, other.address]).budget(ample()));

        assert!(matches!(ask.ask(validate()).await, Err(Error::Ask(told)) if told == error));

        assert_eq!(first.load(Ordering::SeqCst) + second.load(Ordering::SeqCst), 1);
    }
}

#[tokio::test]
async fn a_call_is_asked_of_each_node_once_at_most_and_again_only_within_the_budget() {
    let ((one, first), (other, second)) = (refusing(AskError::Overloaded), refusing(AskError::Overloaded));
    let meagre = RetryBudget::new(0.0, 0.0); // one repeat is in it
    let ask = ask(settings(&[one.address, other.address]).budget(meagre));
    let asked = || first.load(Ordering::SeqCst) + second.load(Ordering::SeqCst);

    assert!(matches!(ask.ask(validate()).await, Err(Error::Ask(AskError::Overloaded))));
    assert_eq!(asked(), 2);

    assert!(matches!(ask.ask(validate()).await, Err(Error::Ask(AskError::Overloaded))));
    assert_eq!(asked(), 3);
}

#[tokio::test]
async fn a_node_that_is_gone_is_not_asked_for_a_while_and_is_asked_again_when_it_is_back() {
    let ((one, _), (other, served)) = (counting(), counting());
    let peers = Peers::new(settings(&[one.address, other.address]).budget(ample()));
    let ask = ask_peers(&peers);
    let gone = kill(one).await;

    for _ in 0..20 {
        assert!(ask.ask(validate()).await.is_ok());
    }
    let known = state(&peers, gone.address);
    assert!(!known.healthy && known.ejections >= 1 && known.failures >= 1, "{known:?}");
    assert_eq!(served.load(Ordering::SeqCst), 20);

    let (back, address) = (Arc::<AtomicUsize>::default(), gone.address);
    let counted = Arc::clone(&back);
    let _back = Node::sessions_at(
        gone,
        Ask::from_fn(move |_| {
            counted.fetch_add(1, Ordering::SeqCst);
            async { Ok(live()) }
        }),
    );
    while back.load(Ordering::SeqCst) == 0 {
        assert!(ask.ask(validate()).await.is_ok());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(state(&peers, address).healthy);
}

#[tokio::test]
async fn where_every_node_is_ejected_they_are_tried_anyway() {
    let (node, _) = counting();
    let peers = Peers::new(settings(&[node.address]));
    let ask = ask_peers(&peers);
    let place = kill(node).await;
    assert!(matches!(ask.ask(validate()).await, Err(Error::Ask(AskError::Unavailable))));
    assert!(!state(&peers, place.address).healthy);

    let _back = Node::sessions_at(place, Ask::from_fn(|_| async { Ok(live()) }));

    assert!(ask.ask(validate()).await.is_ok(), "though it is ejected for a second");
}

#[tokio::test]
async fn broken_peers_harm_nobody_who_asks_while_there_is_a_good_one() {
    let (mute, garbage) = (Rogue::mute().await, Rogue::garbage().await);
    let refusing = Rogue::resetting(Reason::REFUSED_STREAM).await;
    let nobodys = Place::new();
    let good = answering(|| Ok(live()));
    let addresses = [mute.address, garbage.address, refusing.address, nobodys.address, good.address];
    let ask = ask(settings(&addresses).connect_timeout(Duration::from_millis(500)).budget(ample()));

    let begun = Instant::now();
    for _ in 0..50 {
        assert!(ask.ask(validate()).await.is_ok());
    }

    assert!(begun.elapsed() < Duration::from_secs(10), "they are not waited for again and again");
}

#[tokio::test]
async fn a_node_that_answers_nothing_in_time_is_not_asked_for_a_while() {
    let (silent, _asked) = probe::<Validate>();
    let silent = Node::sessions(silent);
    let peers = Peers::new(settings(&[silent.address]));
    let ask = ask_peers(&peers).timeout(Duration::from_millis(300));

    for _ in 0..3 {
        assert!(matches!(ask.ask(validate()).await, Err(Error::Ask(AskError::Late))));
    }

    let known = state(&peers, silent.address);
    assert!(!known.healthy);
    assert_eq!((known.failures, known.ejections), (3, 1));
}

#[tokio::test]
async fn a_node_that_is_leaving_is_not_asked_for_a_while_and_one_that_is_busy_is() {
    for (error, is_asked) in [(AskError::Draining, false), (AskError::Unavailable, false), (AskError::Overloaded, true)]
    {
        let (node, _) = refusing(error);
        let peers = Peers::new(settings(&[node.address]));
        let ask = ask_peers(&peers);

        for _ in 0..3 {
            assert!(ask.ask(validate()).await.is_err());
        }

        assert_eq!(state(&peers, node.address).healthy, is_asked, "{error}");
    }
}

#[tokio::test]
async fn a_name_that_leads_nowhere_for_now_still_means_the_nodes_that_it_led_to() {
    let ((one, _), (other, _)) = (counting(), counting());
    let (addresses, lookups) = ([one.address, other.address], Arc::<AtomicUsize>::default());
    let counted = Arc::clone(&lookups);
    let peers = Peers::new(
        portico_bus::grpc::Settings::of(["0", "1"]).refresh_every(Duration::from_millis(20)).resolve(move |name| {
            let place: usize = name.parse().unwrap();
            let is_known = counted.fetch_add(1, Ordering::SeqCst) < 2 || place == 0;
            async move { Ok(if is_known { vec![addresses[place]] } else { vec![] }) }
        }),
    );

    until("it is looked up a few times", || lookups.load(Ordering::SeqCst) > 8).await;

    assert_eq!(peers.snapshot().len(), 2);
}

#[tokio::test]
async fn nodes_that_come_and_go_behind_a_name_are_followed() {
    let ((one, first), (other, second)) = (counting(), counting());
    let there = Arc::new(Mutex::new(vec![one.address]));
    let answers = Arc::clone(&there);
    let names = Arc::new(Mutex::new(HashSet::new()));
    let looked_up = Arc::clone(&names);
    let peers = Peers::new(
        portico_bus::grpc::Settings::of(["session.portico:7400"]).refresh_every(Duration::from_millis(20)).resolve(
            move |name| {
                looked_up.lock().unwrap().insert(name);
                let addresses = answers.lock().unwrap().clone();
                async move { if addresses.is_empty() { Err(std::io::Error::other("no DNS")) } else { Ok(addresses) } }
            },
        ),
    );
    let ask = ask_peers(&peers);
    ask.ask(validate()).await.unwrap();
    assert_eq!((first.load(Ordering::SeqCst), second.load(Ordering::SeqCst)), (1, 0));

    *there.lock().unwrap() = vec![other.address];
    until("the name is followed", || peers.snapshot().iter().all(|peer| peer.address == other.address)).await;
    ask.ask(validate()).await.unwrap();
    assert_eq!((first.load(Ordering::SeqCst), second.load(Ordering::SeqCst)), (1, 1));

    there.lock().unwrap().clear();
    tokio::time::sleep(Duration::from_millis(100)).await;
    ask.ask(validate()).await.expect("what was known stays when a lookup fails");
    assert_eq!(*names.lock().unwrap(), HashSet::from(["session.portico:7400".to_owned()]));
}

#[tokio::test]
async fn a_call_before_the_first_lookup_has_ended_waits_for_it() {
    let (node, _) = counting();
    let address = node.address;
    let slow = settings(&[address]).resolve(move |_| async move {
        tokio::time::sleep(Duration::from_millis(100)).await;
        Ok(vec![address])
    });

    assert!(ask(slow).ask(validate()).await.is_ok());
}

#[test]
fn a_connection_outlives_the_runtime_of_whoever_asked_first() {
    let (node, _) = counting();
    let keeping = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let peers = keeping.block_on(async { Peers::new(settings(&[node.address])) });
    let elsewhere = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();

    for _ in 0..2 {
        let ask = ask_peers(&peers);
        let trace = TraceContext::new_root();
        assert!(elsewhere().block_on(trace.scope(async move { ask.ask(validate()).await })).is_ok());
    }

    assert_eq!(state(&peers, node.address).failures, 0);
}

/// Asks again and again, eight at a time, until it is dropped.
struct Load {
    is_over: Arc<AtomicBool>,
    callers: Vec<JoinHandle<Vec<Result<Live, Error>>>>,
}

impl Load {
    const CALLERS: usize = 8;

    fn on(ask: &Ask<Validate>) -> Self {
        let is_over = Arc::<AtomicBool>::default();
        let call = |_| {
            let (ask, is_over) = (ask.clone(), Arc::clone(&is_over));
            tokio::spawn(async move {
                let mut answers = Vec::new();
                while !is_over.load(Ordering::Relaxed) {
                    answers.push(ask.ask(validate()).await);
                }
                answers
            })
        };
        let callers = (0..Self::CALLERS).map(call).collect();
        Self { is_over, callers }
    }

    /// What was answered.
    async fn end(self) -> Vec<Result<Live, Error>> {
        self.is_over.store(true, Ordering::Relaxed);
        join_all(self.callers).await.into_iter().flat_map(Result::unwrap).collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restarting_every_node_one_after_the_other_fails_no_call() {
    let nodes = [answering(|| Ok(live())), answering(|| Ok(live()))];
    let peers = Peers::new(settings(&[nodes[0].address, nodes[1].address]).budget(ample()));
    let load = Load::on(&ask_peers(&peers));

    let mut restarted = Vec::new();
    for node in nodes {
        let address = node.address;
        tokio::time::sleep(Duration::from_millis(300)).await;
        let place = node.stop().await;
        until("it is missed", || !state(&peers, address).healthy).await;
        restarted.push(serve_at(place).await);
        until("it is asked again", || state(&peers, address).healthy).await;
    }
    let answers = load.end().await;

    assert!(answers.len() > 100, "{}", answers.len());
    assert_eq!(answers.into_iter().filter_map(Result::err).map(|error| format!("{error:?}")).next(), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_killed_fails_no_call_but_those_that_it_had_taken() {
    let nodes = [answering(|| Ok(live())), answering(|| Ok(live()))];
    let peers = Peers::new(settings(&[nodes[0].address, nodes[1].address]).budget(ample()));
    let load = Load::on(&ask_peers(&peers));

    let [victim, _other] = nodes;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let place = kill(victim).await;
    until("it is missed", || !state(&peers, place.address).healthy).await;
    let answers = load.end().await;

    let failed: Vec<_> = answers.into_iter().filter_map(Result::err).collect();
    assert!(failed.len() <= Load::CALLERS, "each caller lost one at most: {failed:?}");
    assert!(failed.iter().all(|error| matches!(error, Error::Ask(AskError::Late))), "{failed:?}");
}

async fn serve_at(place: Place) -> Node {
    let serve = move || Node::sessions_at(place, Ask::from_fn(|_| async { Ok(live()) }));
    tokio::task::spawn_blocking(serve).await.unwrap()
}
