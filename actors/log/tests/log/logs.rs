//! What becomes of records between the layer and the store, whatever fails in between.

use std::{sync::Arc, time::Duration};

use crate::support::{World, world};
use portico_kernel::{
    Blame as _, Client, Fault, Ref,
    testkit::{spawn, supervise, until},
};
use portico_log::{
    APPEND_RECORDS_MAX, Append, Error, Flush, Limits, Logs, Record, Store,
    testkit::{contract::NOW, origin, record},
};
use tracing::info;

const FLUSH_INTERVAL: Duration = Duration::from_millis(200);

impl World {
    fn actor(&self) -> Logs {
        let store: Arc<dyn Store> = self.store.clone();
        Logs::new(self.inbox.clone(), store, FLUSH_INTERVAL)
    }
}

fn numbered(count: u64) -> Vec<String> {
    (0..count).map(|number| format!("number {number}")).collect()
}

fn log(count: u64) {
    (0..count).for_each(|number| info!("number {number}"));
}

fn supervised(world: &World) -> Ref<Logs> {
    let (inbox, store) = (world.inbox.clone(), world.store.clone());
    supervise(move || Logs::new(inbox.clone(), store.clone(), FLUSH_INTERVAL))
}

#[actix_rt::test]
async fn a_flush_answers_once_everything_before_it_is_accepted() {
    let mut world = world(Limits::default());
    let _listening = world.listen();
    let logs = spawn(world.actor());
    log(2_000);

    logs.ask::<Flush>().ask(Flush).await.unwrap();

    assert_eq!(world.bodies(), numbered(2_000));
    let stats = world.inbox.stats();
    assert_eq!((stats.offered, stats.accepted, stats.refused, stats.waiting), (2_000, 2_000, 0, 0));
}

#[actix_rt::test]
async fn records_are_written_in_batches_without_being_asked_for() {
    tokio::time::pause();
    let mut world = world(Limits::default());
    let _listening = world.listen();
    let _logs = spawn(world.actor());
    log(1_000);

    tokio::time::sleep(FLUSH_INTERVAL).await; // virtual

    assert_eq!(world.bodies(), numbered(1_000));
    assert_eq!(world.store.calls(), 1);
}

#[actix_rt::test]
async fn a_full_queue_refuses_the_newest_counts_exactly_and_says_so() {
    let mut world = world(Limits { records_max: 10, ..Limits::default() });
    let _listening = world.listen();
    log(25);
    info!(target: "portico_user::actor", "refused too");

    world.inbox.drain(&*world.store).await.unwrap();
    log(1);
    world.inbox.drain(&*world.store).await.unwrap();

    let stats = world.inbox.stats();
    assert_eq!((stats.offered, stats.accepted, stats.refused), (27, 11, 16));
    assert_eq!(world.bodies()[..10], numbered(10));
    let reports: Vec<_> =
        world.written().into_iter().filter(|record| record["Resource"]["service.name"] == "log").collect();
    let told: Vec<_> = reports.iter().map(|report| &report["Attributes"]).collect();
    assert_eq!(told[0]["log.refused.count"], 15);
    assert_eq!((&told[1]["log.refused.service"], &told[1]["log.refused.count"]), (&"user".into(), &1.into()));
    assert_eq!(told.len(), 2);
    assert_eq!(world.bodies().last().unwrap(), "number 0");
}

#[actix_rt::test]
async fn a_queue_is_bounded_by_bytes_too() {
    let mut world = world(Limits { bytes_max: 100_000, ..Limits::default() });
    let _listening = world.listen();

    for _ in 0..100 {
        info!("{}", "x".repeat(4_000));
    }

    let stats = world.inbox.stats();
    assert!(stats.waiting_bytes <= 100_000 && stats.waiting > 20, "{stats:?}");
    assert_eq!(stats.waiting + stats.refused, 100);
}

#[actix_rt::test]
async fn a_queue_that_is_half_full_is_written_before_its_time() {
    let mut world = world(Limits { records_max: 100, ..Limits::default() });
    let _listening = world.listen();
    let store: Arc<dyn Store> = world.store.clone();
    let _logs = spawn(Logs::new(world.inbox.clone(), store, Duration::from_hours(1)));
    tokio::task::yield_now().await; // it waits now

    log(50);

    until("the batch", || world.bodies().len() == 50).await;
}

#[actix_rt::test]
async fn a_store_that_fails_is_tried_again_until_it_takes_the_batch_once() {
    tokio::time::pause();
    let mut world = world(Limits::default());
    let _listening = world.listen();
    let logs = spawn(world.actor());
    world.store.fail(8);
    log(100);

    tokio::time::sleep(FLUSH_INTERVAL).await; // virtual
    let meanwhile = world.inbox.stats();
    logs.ask::<Flush>().timeout(Duration::from_mins(1)).ask(Flush).await.unwrap();

    assert!(meanwhile.failing && meanwhile.accepted == 0, "{meanwhile:?}");
    let stats = world.inbox.stats();
    assert_eq!((stats.failing, stats.failures), (false, 8));
    assert_eq!(world.bodies()[..100], numbered(100));
}

#[actix_rt::test]
async fn an_outage_is_told_twice_however_long_it_is() {
    tokio::time::pause();
    let mut world = world(Limits::default());
    let _listening = world.listen();
    let logs = spawn(world.actor());
    world.store.fail(50);
    log(1);

    let flush = logs.ask::<Flush>().timeout(Duration::from_hours(1));
    flush.ask(Flush).await.unwrap();
    flush.ask(Flush).await.unwrap();

    let told = ["number 0", "log records cannot be written", "log records can be written again"];
    assert_eq!(world.bodies(), told);
}

#[actix_rt::test]
async fn a_crash_in_the_middle_of_a_batch_neither_loses_nor_repeats_a_record() {
    let mut world = world(Limits::default());
    let _listening = world.listen();
    let logs = supervised(&world);
    world.store.panic(3);
    log(500);

    logs.ask::<Flush>().timeout(Duration::from_mins(1)).ask(Flush).await.unwrap();

    let bodies = world.bodies();
    let ours: Vec<_> = bodies.iter().filter(|body| body.starts_with("number")).cloned().collect();
    assert_eq!(ours, numbered(500));
}

#[actix_rt::test]
async fn a_slow_store_keeps_nobody_who_logs_waiting() {
    let mut world = world(Limits { records_max: 100, ..Limits::default() });
    let _listening = world.listen();
    let logs = spawn(world.actor());
    world.store.stand_still();

    log(1_000);
    let meanwhile = world.inbox.stats();
    world.store.resume();
    logs.ask::<Flush>().ask(Flush).await.unwrap();

    assert_eq!((meanwhile.offered, meanwhile.refused, meanwhile.waiting), (1_000, 900, 100));
    assert_eq!(world.inbox.stats().accepted, 100);
}

#[actix_rt::test]
async fn records_of_other_nodes_are_accepted_once() {
    let world = world(Limits::default());
    let logs = spawn(world.actor());
    let sent: Vec<_> = (1..=5).map(|sequence| record("user", &origin(9), sequence, NOW, "from afar")).collect();
    let records: Arc<[Record]> = sent.iter().map(|record| Record::parse(record.line()).unwrap()).collect();

    for _ in 0..2 {
        logs.ask::<Append>().ask(Append { records: Arc::clone(&records) }).await.unwrap();
    }

    assert_eq!(world.store.records(), sent);
}

#[actix_rt::test]
async fn too_many_records_at_once_are_the_senders_fault() {
    let world = world(Limits::default());
    let logs = spawn(world.actor());
    let records = vec![record("user", &origin(9), 1, NOW, "again"); APPEND_RECORDS_MAX + 1].into();

    let error = logs.ask::<Append>().ask(Append { records }).await.unwrap_err();

    assert!(matches!(error, Error::TooMany));
    assert_eq!(error.fault(), Fault::Client(Client::TooLarge));
}

#[actix_rt::test]
async fn the_lag_is_the_age_of_the_oldest_record_in_hand() {
    let mut world = world(Limits::default());
    let _listening = world.listen();
    world.store.fail(1);
    log(1);

    world.inbox.drain(&*world.store).await.unwrap_err();
    world.clock.advance(Duration::from_secs(7));

    assert_eq!(world.inbox.stats().lag, time::Duration::seconds(7));
}

#[actix_rt::test]
async fn an_actor_that_keeps_the_records_of_others_alone_has_nothing_to_flush() {
    let world = world(Limits::default());
    let store: Arc<dyn Store> = world.store.clone();
    let logs = spawn(Logs::of_others(store));
    let records: Arc<[Record]> = [record("user", &origin(1), 1, NOW, "hello")].into();

    logs.ask::<Append>().ask(Append { records: Arc::clone(&records) }).await.unwrap();
    logs.ask::<Flush>().ask(Flush).await.unwrap();

    assert_eq!(world.store.records(), *records);
}
