//! What is known of a call that fails on its way.

use std::{sync::atomic::Ordering, time::Duration};

use h2::Reason;
use portico_bus::grpc::Peers;
use portico_kernel::{
    Ask, AskError, Deadline, TraceContext,
    testkit::{probe, until},
};
use portico_session::{Error, Validate};
use tokio::time::Instant;

use crate::support::{Node, Place, Rogue, answering, ask, ask_peers, live, settings, state, validate};

/// What went wrong with a call, which is not the domain's own doing.
fn failure<T>(answered: Result<T, Error>) -> AskError {
    match answered {
        Err(Error::Ask(error)) => error,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it was answered"),
    }
}

#[tokio::test]
async fn what_is_left_until_the_deadline_travels_with_the_call() {
    let (local, mut asked) = probe::<Validate>();
    let node = Node::sessions(local);
    let ask = ask(settings(&[node.address])).timeout(Duration::from_secs(3));

    let asking = tokio::spawn(async move { ask.ask(validate()).await });
    let call = asked.next().await;

    let left = call.deadline.remaining();
    assert!(left <= Duration::from_secs(3) && left > Duration::from_secs(1), "{left:?}");
    call.answer(Ok(live()));
    assert!(asking.await.unwrap().is_ok());
}

#[tokio::test]
async fn the_callers_own_deadline_counts_where_it_is_sooner() {
    let (local, mut asked) = probe::<Validate>();
    let node = Node::sessions(local);
    let ask = ask(settings(&[node.address]));

    let deadline = Deadline::within(Duration::from_secs(2));
    let asking = tokio::spawn(deadline.scope(async move { ask.ask(validate()).await }));
    let call = asked.next().await;

    assert!(call.deadline.remaining() <= Duration::from_secs(2));
    call.answer(Ok(live()));
    assert!(asking.await.unwrap().is_ok());
}

#[tokio::test]
async fn the_trace_goes_on_at_the_other_node() {
    let (told, mut traces) = tokio::sync::mpsc::unbounded_channel();
    let local = Ask::from_fn(move |_: Validate| {
        told.send(TraceContext::current()).unwrap();
        async { Ok(live()) }
    });
    let node = Node::sessions(local);
    let (ask, trace) = (ask(settings(&[node.address])), TraceContext::new_root());

    trace.scope(ask.ask(validate())).await.unwrap();

    let there = traces.recv().await.unwrap().expect("it has a trace");
    assert_eq!(there.trace_id(), trace.trace_id());
    assert_ne!(there.span_id(), trace.span_id());
}

#[tokio::test]
async fn an_answer_that_comes_too_late_is_late() {
    let (local, _asked) = probe::<Validate>();
    let node = Node::sessions(local);
    let ask = ask(settings(&[node.address])).timeout(Duration::from_millis(200));

    assert_eq!(failure(ask.ask(validate()).await), AskError::Late);
}

#[tokio::test]
async fn a_node_that_is_not_there_never_ran_the_call() {
    let nobodys = Place::new();
    let ask = ask(settings(&[nobodys.address]));

    let begun = Instant::now();
    assert_eq!(failure(ask.ask(validate()).await), AskError::Unavailable);

    assert!(begun.elapsed() < Duration::from_secs(5), "it is told at once");
}

#[tokio::test]
async fn a_node_of_which_nobody_says_where_it_is_never_ran_the_call() {
    let nowhere = settings(&[]).resolve(|_| async { Ok(Vec::new()) });
    let ask = ask(nowhere).timeout(Duration::from_millis(100));

    assert_eq!(failure(ask.ask(validate()).await), AskError::Unavailable);
}

#[tokio::test]
async fn a_node_that_is_killed_during_a_call_may_have_run_it() {
    let (local, mut asked) = probe::<Validate>();
    let node = Node::sessions(local);
    let ask = ask(settings(&[node.address]));

    let begun = Instant::now();
    let (answered, ()) = tokio::join!(ask.ask(validate()), async {
        let _never_answered = asked.next().await;
        tokio::task::spawn_blocking(move || node.kill()).await.unwrap();
    });

    assert_eq!(failure(answered), AskError::Late);
    assert!(begun.elapsed() < Duration::from_secs(5), "it is told at once");
}

#[tokio::test]
async fn a_node_that_is_stopped_answers_what_it_took() {
    let (local, mut asked) = probe::<Validate>();
    let node = Node::sessions(local);
    let ask = ask(settings(&[node.address]));

    let (answered, ()) = tokio::join!(ask.ask(validate()), async {
        let call = asked.next().await;
        let stopping = tokio::spawn(node.stop());
        tokio::time::sleep(Duration::from_millis(100)).await;
        call.answer(Ok(live()));
        stopping.await.unwrap();
    });

    assert!(answered.is_ok());
}

#[tokio::test]
async fn a_connection_that_was_lost_while_nothing_was_asked_is_made_anew() {
    let node = answering(|| Ok(live()));
    let ask = ask(settings(&[node.address]));
    assert!(ask.ask(validate()).await.is_ok());

    let place = tokio::task::spawn_blocking(move || node.kill()).await.unwrap();
    let _again = Node::sessions_at(place, Ask::from_fn(|_| async { Ok(live()) }));

    assert!(ask.ask(validate()).await.is_ok());
}

#[tokio::test]
async fn a_refused_stream_never_ran_and_any_other_reset_may_have() {
    for (reason, expected) in [
        (Reason::REFUSED_STREAM, AskError::Unavailable),
        (Reason::INTERNAL_ERROR, AskError::Late),
        (Reason::CANCEL, AskError::Late),
        (Reason::ENHANCE_YOUR_CALM, AskError::Late),
        (Reason::NO_ERROR, AskError::Late),
    ] {
        let rogue = Rogue::resetting(reason).await;

        assert_eq!(failure(ask(settings(&[rogue.address])).ask(validate()).await), expected, "{reason:?}");
        assert_eq!(rogue.calls.load(Ordering::SeqCst), 1, "{reason:?}: it is asked once");
    }
}

#[tokio::test]
async fn a_connection_that_ends_before_a_call_was_heeded_never_ran_it_and_one_that_ends_after_it_may_have() {
    for (last, expected) in [(0, AskError::Unavailable), (1, AskError::Late)] {
        let rogue = Rogue::leaving_after(last).await;

        assert_eq!(failure(ask(settings(&[rogue.address])).ask(validate()).await), expected, "{last}");
        assert_eq!(rogue.calls.load(Ordering::SeqCst), 1, "{last}: it is asked once");
    }
}

#[tokio::test]
async fn a_call_that_an_old_connection_did_not_heed_is_asked_again_on_a_new_one() {
    let rogue = Rogue::leaving_after_one_answer().await;
    let ask = ask(settings(&[rogue.address]));
    assert_eq!(failure(ask.ask(validate()).await), AskError::Late, "nobody knows what that status means");
    assert_eq!(rogue.calls.load(Ordering::SeqCst), 1);

    let answered = ask.ask(validate()).await;

    assert_eq!(failure(answered), AskError::Late, "it was answered, on another connection");
    assert_eq!(rogue.calls.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn what_says_nothing_or_something_else_was_never_asked_and_is_told_by_the_deadline() {
    for rogue in [Rogue::mute().await, Rogue::garbage().await] {
        let peers = Peers::new(settings(&[rogue.address]).connect_timeout(Duration::from_mins(1)));
        let ask = ask_peers(&peers).timeout(Duration::from_millis(300));

        let begun = Instant::now();
        assert_eq!(failure(ask.ask(validate()).await), AskError::Unavailable);

        assert!(begun.elapsed() < Duration::from_secs(3));
        assert_eq!(state(&peers, rogue.address).in_flight, 0);
    }
}

#[tokio::test]
async fn calls_in_flight_to_a_node_are_bounded_and_one_more_is_refused_here() {
    let (local, mut asked) = probe::<Validate>();
    let node = Node::sessions(local);
    let peers = Peers::new(settings(&[node.address]).in_flight_max(1));
    let ask = ask_peers(&peers);

    let (first, ()) = tokio::join!(ask.ask(validate()), async {
        let call = asked.next().await;
        assert_eq!(state(&peers, node.address).in_flight, 1);
        assert_eq!(failure(ask.ask(validate()).await), AskError::Overloaded);
        call.answer(Ok(live()));
    });

    assert!(first.is_ok());
    assert_eq!(state(&peers, node.address).in_flight, 0);
}

#[tokio::test]
async fn a_caller_that_gives_up_is_in_flight_no_more() {
    let (local, mut asked) = probe::<Validate>();
    let node = Node::sessions(local);
    let peers = Peers::new(settings(&[node.address]));
    let ask = ask_peers(&peers);

    let asking = tokio::spawn(async move { ask.ask(validate()).await });
    let _call = asked.next().await;
    asking.abort();
    assert!(asking.await.unwrap_err().is_cancelled());

    assert_eq!(state(&peers, node.address).in_flight, 0);
}

#[tokio::test]
async fn a_connection_that_failed_when_nobody_waited_for_it_any_more_is_not_held_against_the_next_call() {
    let rogue = Rogue::mute().await;
    let peers = Peers::new(settings(&[rogue.address]).connect_timeout(Duration::from_millis(200)));
    let hasty = ask_peers(&peers).timeout(Duration::from_millis(20));
    assert_eq!(failure(hasty.ask(validate()).await), AskError::Unavailable);
    until("the connection has failed", || state(&peers, rogue.address).failures == 1).await;

    let place = rogue.end().await;
    let _node = Node::sessions_at(place, Ask::from_fn(|_| async { Ok(live()) }));

    assert!(ask_peers(&peers).ask(validate()).await.is_ok());
}
