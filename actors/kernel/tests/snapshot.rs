//! What operators see.

use std::{
    sync::Arc,
    task::{Context, Wake, Waker},
    time::Duration,
};

use futures_util::{
    FutureExt as _,
    future::{BoxFuture, join_all},
};
use portico_kernel::{
    AskError, Callee as _, Deadline, Intensity, Kind, LATENCY_BOUNDS, Ref, Restarts, State, Strategy, Supervisor,
    testkit::{Recorder, until},
};
use tokio::time::{advance, pause};

mod support;
use support::{Do, DoAlone, Error, Grenade, Victim, World, add, root, soon, spec, victim_as};

const MINUTE: Duration = Duration::from_mins(1);

#[actix::test]
async fn counters_equal_the_faults_that_were_injected() {
    let world = World::default();
    let victim = victim_as(spec("victim").on("counted").capacity(8), &world);
    let ask = victim.ask::<Do>();
    for (order, times) in [
        (Do::Count, 7),
        (Do::PanicInHandler, 3),
        (Do::PanicInResponseFuture, 2),
        (Do::PanicInTimer, 1),
        (Do::Stop, 2),
        (Do::KillArbiter, 1),
    ] {
        for _ in 0..times {
            let lives = victim.snapshot().incarnation;
            let _any = ask.ask(order).await;
            if let Do::PanicInTimer | Do::Stop | Do::KillArbiter = order {
                until("the next life", || victim.snapshot().incarnation > lives).await;
                until("its start", || victim.snapshot().state.is_running()).await;
            }
        }
    }
    let before = victim.snapshot();
    pause(); // on this thread alone: to the victim's, the deadlines are a minute away
    let late: Vec<_> = (0..8).map(|_| victim.call(Do::CountLater, Deadline::within(MINUTE))).collect();
    until("the beginning of all", || world.begun() == 24).await;
    let refused = join_all((0..5).map(|_| victim.call(Do::Count, soon()))).await;
    advance(MINUTE).await;
    let late = join_all(late).await;
    world.gate.open();
    until("the end of the work", || victim.snapshot().in_flight == 0).await;

    let node = victim.snapshot();
    let restarts = Restarts { panic: 4, stopped: 2, arbiter: 1, ..Restarts::default() };
    assert_eq!((node.restarts, node.incarnation), (restarts, 8));
    assert!((5..=6).contains(&node.crashed), "the call that killed its thread may have been answered: {node:?}");
    assert_eq!(before.handled + before.crashed, 16);
    assert!(refused.iter().all(|answer| *answer == Err(AskError::Overloaded)));
    assert_eq!(node.overloaded, 5);
    assert!(late.iter().all(|answer| *answer == Err(AskError::Late)), "{late:?}");
    assert_eq!((node.late, node.handled), (8, before.handled + 8));
    assert_eq!(node.latency.count(), node.handled);
}

/// Notes how many calls are handled, and how many are in flight, at the moment when a caller is woken.
struct Look(Ref<Victim>, Recorder<(u64, u64)>);

impl Wake for Look {
    fn wake(self: Arc<Self>) {
        let node = self.0.snapshot();
        self.1.record((node.handled, node.in_flight));
    }
}

type Answer = BoxFuture<'static, Result<Result<u32, Error>, AskError>>;

#[actix::test]
async fn a_call_is_counted_before_its_caller_has_the_answer() {
    let world = World::default();
    world.gate.open();
    // Elsewhere: an idle actor on the caller's own thread has it woken once before, to look at what came in that turn.
    let victim = victim_as(spec("victim").on("elsewhere"), &world);
    let looks = Recorder::new();
    let look = Arc::new(Look(victim.clone(), looks.clone()));
    let waker = Waker::from(Arc::clone(&look));
    let calls: [&dyn Fn() -> Answer; 3] =
        [&|| victim.call(Grenade, soon()), &|| victim.call(Do::Count, soon()), &|| victim.call(DoAlone::Count, soon())];

    for (call, count) in calls.iter().zip(1..) {
        let mut call = call();
        if call.poll_unpin(&mut Context::from_waker(&waker)).is_ready() {
            look.wake_by_ref(); // the other thread was faster: its answer is here and nobody need be woken
        }
        looks.wait_for(count).await;
    }

    assert_eq!(looks.seen(), [(1, 0), (2, 0), (3, 0)]);
}

#[actix::test]
async fn depth_age_and_flight_show_what_waits() {
    pause();
    let world = World::default();
    let victim = victim_as(spec("victim"), &world);
    let alone = actix::spawn(victim.call(DoAlone::Count, soon()));
    until("exclusive work", || world.begun() == 1).await;
    let waiting: Vec<_> = (0..3).map(|_| victim.call(Do::Count, soon())).collect();

    advance(Duration::from_millis(1500)).await;

    let node = victim.snapshot();
    assert_eq!((node.depth, node.oldest_ms, node.in_flight), (3, 1500, 4));
    world.gate.open();
    assert!(join_all(waiting).await.iter().all(Result::is_ok));
    assert_eq!(alone.await.unwrap(), Ok(Ok(1)));
    let node = victim.snapshot();
    assert_eq!((node.depth, node.oldest_ms, node.in_flight), (0, 0, 0));
    assert_eq!(node.latency.counts[LATENCY_BOUNDS.len() - 1], 4, "all took more than a second: {:?}", node.latency);
}

#[actix::test]
async fn a_tree_shows_its_shape_as_json() {
    let root = root(Strategy::OneForOne);
    add(&root, spec("user"), &World::default());
    let bus = root.branch("bus", Strategy::RestForOne, Intensity::UNLIMITED);
    add(&bus, spec("courier"), &World::default());
    let tree = root.tree();
    until("a running tree", || tree.snapshot().actors().iter().all(|(_, node)| node.state.is_running())).await;

    let snapshot = tree.snapshot();

    let paths: Vec<_> = snapshot.actors().into_iter().map(|(path, _)| path).collect();
    assert_eq!(paths, ["user", "bus/courier"]);
    assert_eq!((snapshot.root.kind, snapshot.root.state), (Kind::Supervisor, State::Running));
    let json = serde_json::to_value(&snapshot).unwrap();
    assert_eq!(json["children"][1]["children"][0]["name"], "courier");
    assert_eq!(json["children"][0]["state"], "running");
    assert_eq!(json["children"][0]["restarts"]["panic"], 0);
}

#[actix::test]
async fn looking_never_waits_for_an_actor() {
    let root = Supervisor::root("root", Strategy::OneForOne, Intensity::UNLIMITED);
    let world = World::default();
    let victim = add(&root, spec("victim").on("hanging"), &world);
    let hanging = actix::spawn(victim.call(Do::Hang, soon()));
    until("the blockage", || world.begun() == 1 && victim.snapshot().state.is_running()).await;

    let node = root.snapshot().root.children[0].clone();

    assert_eq!((node.state, node.in_flight), (State::Running, 1));
    world.gate.open();
    hanging.await.unwrap().unwrap().unwrap();
}
