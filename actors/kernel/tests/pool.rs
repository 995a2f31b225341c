//! The pool for work that burns CPU.

use std::{
    collections::HashMap,
    sync::{Arc, Barrier},
    time::Duration,
};

use futures_util::future::join_all;
use portico_kernel::{Blame as _, Deadline, Fault, Pool, PoolError, PoolLoad, Server, TraceContext, testkit::until};
use tokio::time::timeout;

mod support;
use support::quiet;

/// Keeps every thread of `pool` busy until the barrier is met once more.
fn occupy(pool: &Pool, jobs: usize) -> Arc<Barrier> {
    let barrier = Arc::new(Barrier::new(2));
    for _ in 0..jobs {
        let (pool, barrier) = (pool.clone(), Arc::clone(&barrier));
        actix::spawn(async move { pool.run(move || barrier.wait()).await });
    }
    barrier
}

#[actix::test]
async fn work_runs_on_a_thread_of_the_pool() {
    let pool = Pool::new("hashes", 2, 10);

    let name = pool.run(|| std::thread::current().name().unwrap_or_default().to_owned()).await.unwrap();

    assert!(name.starts_with("hashes-"), "{name}");
}

#[actix::test]
async fn of_its_idle_threads_the_one_that_worked_last_works_next() {
    const JOBS: usize = 40;
    let pool = Pool::new("hashes", 8, 10);
    let mut jobs = HashMap::new();

    for _ in 0..JOBS {
        let thread = pool.run(|| std::thread::current().id()).await.unwrap();
        *jobs.entry(thread).or_insert(0) += 1;
        tokio::time::sleep(Duration::from_millis(2)).await; // it is idle by then, unless the machine is very busy
    }

    let most = jobs.values().max().unwrap();
    assert!(*most > JOBS / 2, "in turns each would have {}: {jobs:?}", JOBS / 8);
}

#[actix::test]
async fn its_threads_give_way_to_all_others() {
    let pool = Pool::new("hashes", 1, 1);

    let nice = pool.run(|| rustix::process::getpriority_process(None)).await.unwrap().unwrap();

    let own = rustix::process::getpriority_process(None).unwrap();
    assert_eq!(nice, own.max(10), "this thread has {own}");
}

#[actix::test]
async fn its_threads_are_never_less_nice_than_whoever_made_them() {
    let made_by_a_nice_thread = std::thread::spawn(|| {
        rustix::process::setpriority_process(None, 15).unwrap(); // of this thread alone, on Linux
        Pool::new("hashes", 1, 1)
    });
    let pool = made_by_a_nice_thread.join().unwrap();

    let nice = pool.run(|| rustix::process::getpriority_process(None)).await.unwrap().unwrap();

    assert!(nice >= 15, "{nice}");
}

#[actix::test]
async fn a_full_pool_refuses_at_once() {
    let pool = Pool::new("hashes", 1, 2);
    let barrier = occupy(&pool, 3);
    until("a full pool", || pool.load() == PoolLoad { queued: 2, running: 1, done: 0 }).await;

    let refused = pool.run(|| ()).await;

    assert_eq!(refused, Err(PoolError::Overloaded));
    assert_eq!(PoolError::Overloaded.fault(), Fault::Server(Server::Overloaded));
    for _ in 0..3 {
        barrier.wait();
    }
    until("the end", || pool.load() == PoolLoad { queued: 0, running: 0, done: 3 }).await;
}

#[actix::test]
async fn without_a_queue_an_idle_thread_still_takes_work() {
    let pool = Pool::new("hashes", 1, 0);

    for number in 0..100 {
        assert_eq!(pool.run(move || number).await, Ok(number));
    }
}

#[actix::test]
async fn a_panic_fails_that_work_only_and_keeps_the_thread() {
    quiet();
    let pool = Pool::new("hashes", 1, 1);

    let crashed = pool.run(|| panic!("told to panic in a pool")).await;

    assert_eq!(crashed, Err::<(), _>(PoolError::Crashed));
    assert_eq!(pool.run(|| 7).await, Ok(7));
    assert_eq!(pool.load(), PoolLoad { queued: 0, running: 0, done: 2 });
}

/// Panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("told to panic in drop");
    }
}

async fn still_works(pool: &Pool) -> bool {
    timeout(Duration::from_mins(1), pool.run(|| 7)).await == Ok(Ok(7))
}

#[actix::test]
async fn a_panic_whose_own_drop_panics_keeps_the_thread() {
    quiet();
    let pool = Pool::new("hashes", 1, 1);

    let crashed = pool.run(|| std::panic::panic_any(Bomb)).await;

    assert_eq!(crashed, Err::<(), _>(PoolError::Crashed));
    assert!(still_works(&pool).await);
    assert_eq!(pool.load(), PoolLoad { queued: 0, running: 0, done: 2 });
}

#[actix::test]
async fn work_and_answers_that_nobody_wants_and_that_panic_when_dropped_keep_the_thread() {
    quiet();
    let pool = Pool::new("hashes", 1, 10);
    let barrier = Arc::new(Barrier::new(2));
    let running = actix::spawn({
        let (pool, barrier) = (pool.clone(), Arc::clone(&barrier));
        async move { pool.run(move || (barrier.wait(), Bomb).1).await.map(std::mem::forget) }
    });
    until("a busy thread", || pool.load().running == 1).await;
    let (pool_too, bomb) = (pool.clone(), Bomb);
    let waiting = actix::spawn(async move { pool_too.run(move || std::mem::forget(bomb)).await });
    until("work that waits", || pool.load().queued == 1).await;

    running.abort(); // its answer is dropped, and the work behind it
    waiting.abort();
    assert!(running.await.is_err() && waiting.await.is_err());
    barrier.wait();

    assert!(still_works(&pool).await);
    assert_eq!(pool.load(), PoolLoad { queued: 0, running: 0, done: 3 });
}

#[actix::test]
async fn dropping_it_survives_work_that_panics_when_dropped() {
    quiet();
    let pool = Pool::new("hashes", 1, 10);
    let barrier = Arc::new(Barrier::new(2));
    let mut calls = vec![actix::spawn({
        let (pool, barrier) = (pool.clone(), Arc::clone(&barrier));
        async move { pool.run(move || _ = barrier.wait()).await }
    })];
    until("a busy thread", || pool.load().running == 1).await;
    for _ in 0..2 {
        let (pool, bomb) = (pool.clone(), Bomb);
        calls.push(actix::spawn(async move { pool.run(move || std::mem::forget(bomb)).await }));
    }
    until("work that waits", || pool.load().queued == 2).await;

    calls.iter().for_each(tokio::task::JoinHandle::abort); // each holds the pool
    assert!(join_all(calls).await.iter().all(Result::is_err));
    drop(pool);

    barrier.wait();
}

#[actix::test]
async fn work_whose_caller_went_away_before_it_began_is_skipped() {
    let pool = Pool::new("hashes", 1, 10);
    let barrier = occupy(&pool, 1);
    until("a busy thread", || pool.load().running == 1).await;
    let (pool_too, ran) = (pool.clone(), Arc::new(std::sync::atomic::AtomicBool::new(false)));
    let waiting = actix::spawn({
        let ran = Arc::clone(&ran);
        async move { pool_too.run(move || ran.store(true, std::sync::atomic::Ordering::SeqCst)).await }
    });
    until("work that waits", || pool.load().queued == 1).await;

    waiting.abort();
    assert!(waiting.await.unwrap_err().is_cancelled());
    barrier.wait();
    until("the end", || pool.load().done == 2).await;

    assert!(!ran.load(std::sync::atomic::Ordering::SeqCst));
}

#[actix::test]
async fn deadline_and_trace_travel_into_the_work() {
    let pool = Pool::new("hashes", 1, 1);
    let (trace, deadline) = (TraceContext::new_root(), Deadline::within(Duration::from_secs(1)));

    let there = deadline.scope(trace.scope(pool.run(|| (Deadline::current(), TraceContext::current())))).await.unwrap();

    assert_eq!(there, (Some(deadline), Some(trace)));
}

#[actix::test]
async fn dropping_it_waits_for_nothing_and_ends_its_threads() {
    let pool = Pool::new("hashes", 1, 1);
    let barrier = Arc::new(Barrier::new(2));
    let (sender, ended) = std::sync::mpsc::channel::<()>();
    let (begin, begun) = tokio::sync::oneshot::channel();
    let busy = actix::spawn({
        let (pool, barrier) = (pool.clone(), Arc::clone(&barrier));
        async move { pool.run(move || (begin.send(()), barrier.wait(), drop(sender))).await }
    });
    begun.await.unwrap(); // a thread that only has the job would skip it

    busy.abort();
    drop((pool, busy.await)); // returns although the thread is still busy

    assert!(ended.try_recv().is_err_and(|error| error == std::sync::mpsc::TryRecvError::Empty));
    barrier.wait();
    assert!(ended.recv().is_err(), "the work ended, and nothing more comes");
}
