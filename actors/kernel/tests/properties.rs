//! Whatever crashes whenever: every accepted call gets exactly one answer, and nothing is left over.

use std::{collections::HashMap, time::Duration};

use actix::{Actor, ActorContext as _, Context, Handler, Message};
use futures_util::future::join_all;
use portico_kernel::{
    AskError, Backoff, Callee as _, Deadline, Intensity, ResponseFuture, Spec, Strategy, Supervisor,
    testkit::{Recorder, until},
};
use proptest::prelude::*;

mod support;

/// Longer than a history can take, on whatever machine.
const EVER: Duration = Duration::from_mins(10);

/// One call in a random history.
#[derive(Debug, Clone, Copy)]
enum Fate {
    Answer,
    AnswerLater,
    Panic,
    PanicLater,
    Stop,
    KillThread,
    /// Its deadline has almost passed.
    Hurry,
    /// Its caller goes away.
    GoAway,
}

fn fate() -> impl proptest::strategy::Strategy<Value = Fate> {
    prop_oneof![
        6 => Just(Fate::Answer),
        4 => Just(Fate::AnswerLater),
        2 => Just(Fate::Panic),
        1 => Just(Fate::PanicLater),
        1 => Just(Fate::Stop),
        1 => Just(Fate::KillThread),
        2 => Just(Fate::Hurry),
        2 => Just(Fate::GoAway),
    ]
}

/// Writes down what it begins.
struct Scribe(Recorder<usize>);

struct Run(usize, Fate);

impl Message for Run {
    type Result = Result<usize, AskError>;
}

impl Actor for Scribe {
    type Context = Context<Self>;
}

impl Handler<Run> for Scribe {
    type Result = ResponseFuture<Result<usize, AskError>>;

    fn handle(&mut self, Run(number, fate): Run, context: &mut Context<Self>) -> Self::Result {
        self.0.record(number);
        match fate {
            Fate::Panic => panic!("told to panic"),
            Fate::Stop => context.stop(),
            Fate::KillThread => drop(actix::Arbiter::current().stop()),
            Fate::Answer | Fate::AnswerLater | Fate::PanicLater | Fate::Hurry | Fate::GoAway => {}
        }
        ResponseFuture::new(async move {
            if let Fate::AnswerLater | Fate::PanicLater = fate {
                tokio::task::yield_now().await;
            }
            assert!(!matches!(fate, Fate::PanicLater), "told to panic later");
            Ok(number)
        })
    }
}

async fn play(fates: Vec<Fate>, capacity: usize) {
    let begun = Recorder::new();
    let root = Supervisor::root("root", Strategy::OneForOne, Intensity::UNLIMITED);
    let spec = Spec::new("scribe").on("scribe").capacity(capacity).backoff(Backoff::NONE);
    let scribe = root.supervise(spec, {
        let begun = begun.clone();
        move || Scribe(begun.clone())
    });

    let calls = fates.iter().enumerate().map(|(number, fate)| {
        let time = if let Fate::Hurry = fate { Duration::from_micros(50) } else { EVER };
        let call = actix::spawn(scribe.call(Run(number, *fate), Deadline::within(time)));
        if let Fate::GoAway = fate {
            call.abort();
        }
        call
    });
    let answers = join_all(calls.collect::<Vec<_>>()).await;

    until("an empty mailbox", || scribe.snapshot().in_flight == 0).await;
    let mut ran = HashMap::new();
    begun.seen().into_iter().for_each(|number| *ran.entry(number).or_insert(0) += 1);
    assert!(ran.values().all(|times| *times == 1), "no call ran twice");
    for (number, answer) in answers.into_iter().enumerate() {
        let Ok(answer) = answer else { continue }; // its caller went away
        let did_run = ran.contains_key(&number);
        if let Err(AskError::Late | AskError::Unavailable) = answer {
            assert!(matches!(fates[number], Fate::Hurry), "{answer:?}, and yet there was time for {:?}", fates[number]);
        }
        match answer {
            Ok(answer) => assert_eq!(answer, Ok(number), "each got its own answer"),
            Err(error) if error.never_ran() => assert!(!did_run, "{error:?} and yet it ran"),
            Err(_) => assert!(did_run, "it was said to have begun"),
        }
    }
    let node = scribe.snapshot();
    assert_eq!(node.depth, 0);
    assert_eq!(node.handled + node.crashed, ran.len() as u64, "what began was counted once");
    assert_eq!(node.latency.count(), node.handled);
    let drained = root.drain(Deadline::within(EVER)).await; // the last call may just have ended the actor or its thread
    assert!(drained.cut.iter().all(|cut| (cut.queued, cut.in_flight) == (0, 0)), "{drained:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_accepted_call_gets_exactly_one_answer(
        fates in prop::collection::vec(fate(), 1..80),
        capacity in 1_usize..100,
    ) {
        support::quiet();
        actix::System::new().block_on(play(fates, capacity));
    }
}
