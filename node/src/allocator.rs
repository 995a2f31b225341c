//! The allocator, and how it is told to give back what is freed.
//!
//! Left alone, mimalloc keeps freed memory for a while and gives it back when it is next asked for some: after a few large
//! pictures a quiet node would keep hundreds of megabytes for good, and a busy one would take them beyond the budget of its
//! decoders. It reads its options from the environment before `main`, so a node that is started without this one starts
//! itself once more with it. The process stays the same, with its id and its files.

use std::{env, os::unix::process::CommandExt as _, process::Command};

/// After how many milliseconds freed pages go back to the system.
const OPTION: &str = "MIMALLOC_PURGE_DELAY";
/// At once.
const AT_ONCE: &str = "0";

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Has freed memory go back at once, unless whoever started the node says otherwise. Call it before anything was opened.
pub(crate) fn give_back_at_once() {
    if env::var_os(OPTION).is_some() {
        return;
    }
    let Ok(program) = env::current_exe() else { return };
    let mut arguments = env::args_os();
    let mut again = Command::new(program);
    if let Some(name) = arguments.next() {
        again.arg0(name);
    }
    // It only returns when it failed; then the node goes on as it is.
    let error = again.args(arguments).env(OPTION, AT_ONCE).exec();
    eprintln!("freed memory will be given back late: {error}");
}
