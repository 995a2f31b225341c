//! How many files and connections this process may have open. A node inherits it.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What most systems give a process unless it asks for more.
pub(super) const USUAL: u64 = 1024;

/// Lets this process have as many as the system allows it; how many that is.
pub(super) fn raise() -> u64 {
    let most = getrlimit(Resource::Nofile).maximum;
    set(most);
    most.unwrap_or(u64::MAX)
}

/// Begins something with no more than what is usual, as a node would begin.
pub(super) fn lower() {
    let most = getrlimit(Resource::Nofile).maximum;
    set(Some(most.map_or(USUAL, |most| most.min(USUAL))));
}

fn set(current: Option<u64>) {
    let maximum = getrlimit(Resource::Nofile).maximum;
    let _unchanged = setrlimit(Resource::Nofile, Rlimit { current, maximum });
}
