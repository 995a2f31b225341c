//! Faults that no unwinding survives: Rust aborts the process. A child process shows it, and that a new one serves again.

use std::{
    os::unix::process::ExitStatusExt as _,
    process::{Command, ExitStatus, Output},
};

use portico_kernel::{Intensity, Strategy, Supervisor, Watchdog, testkit::until};

mod support;
use support::{Do, World, add, spec, victim, victim_as};

/// Says what the child is to do.
const FAULT: &str = "PORTICO_TEST_FAULT";

const SIGABRT: i32 = 6;

/// This very test binary again, as a child process.
fn child() -> Command {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "actor_in_a_child_process", "--nocapture"]);
    child
}

/// Runs a child to act out `fault`.
fn act_out(fault: &str) -> Output {
    child().env(FAULT, fault).output().unwrap()
}

fn status(fault: &str) -> ExitStatus {
    act_out(fault).status
}

/// What runs in the child; in the parent it only shows that without a fault there is none.
#[actix::test]
async fn actor_in_a_child_process() {
    let fault = std::env::var(FAULT).unwrap_or_default();
    let victim = victim(&World::default());
    let ask = victim.ask::<Do>();
    assert_eq!(ask.ask(Do::Count).await, Ok(1));

    match fault.as_str() {
        "panic twice" => drop(ask.ask(Do::PanicTwice).await),
        "panic, then in drop" => {
            let _crashed = ask.ask(Do::PanicInHandlerAndDrop).await;
            assert_eq!(ask.ask(Do::Count).await, Ok(1));
        }
        "blocked" => block_one_thread_too_many().await,
        _ => assert_eq!(ask.ask(Do::Count).await, Ok(2)),
    }
    println!("served to the end");
}

async fn block_one_thread_too_many() {
    let limit = std::time::Duration::from_millis(20);
    let watchdog = Watchdog { limit, abandon_most: 0, ..Watchdog::default() };
    let root = Supervisor::watched("root", Strategy::OneForOne, Intensity::UNLIMITED, watchdog);
    let victim = add(&root, spec("victim").on("hanging"), &World::default());
    let _never = victim.ask::<Do>().ask(Do::Hang).await;
}

#[test]
fn a_panic_while_a_panic_unwinds_aborts_and_a_new_process_serves() {
    let died = status("panic twice");
    let lives = act_out("none");

    assert_eq!(died.signal(), Some(SIGABRT));
    assert!(lives.status.success());
    assert!(String::from_utf8_lossy(&lives.stdout).contains("served to the end"));
}

#[test]
fn a_panic_in_the_drop_that_follows_a_panic_is_survived() {
    let lives = act_out("panic, then in drop");

    assert!(lives.status.success(), "{}", String::from_utf8_lossy(&lives.stderr));
    assert!(String::from_utf8_lossy(&lives.stdout).contains("served to the end"));
}

#[test]
fn one_blocked_thread_too_many_ends_the_process() {
    assert_eq!(status("blocked").code(), Some(70));
}

#[cfg(debug_assertions)]
#[test]
fn a_chaos_that_is_not_understood_ends_the_process_before_anything_runs() {
    let refused = child().env("PORTICO_CHAOS", "crash_one_in=often").output().unwrap();

    let told = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success());
    assert!(told.contains("PORTICO_CHAOS must be crash_one_in=N,crashes=M"), "{told}");
    assert_eq!(told.matches("panicked at").count(), 1, "no actor was made to crash by it: {told}");
}

#[actix::test]
async fn a_panic_in_stopped_while_the_actor_is_stopped_is_survived() {
    let world = World { stopped_panics: true, ..World::default() };
    let victim = victim_as(spec("victim"), &world);
    victim.ask::<Do>().ask(Do::Stop).await.unwrap();

    until("the panic", || victim.snapshot().restarts.panic == 1).await;

    assert_eq!(victim.ask::<Do>().ask(Do::Count).await, Ok(1));
}
