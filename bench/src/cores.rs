//! Who runs on which core.
//!
//! A process inherits the affinity of the thread that starts it, so that nothing unsafe and no other program is needed.

use std::{io, thread};

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The cores that this process may use.
#[derive(Debug, Clone)]
pub struct Cores(Vec<usize>);

impl Cores {
    /// What the system says of this process.
    pub fn of_this_process() -> Self {
        let set = sched_getaffinity(None).unwrap_or_default();
        Self((0..CpuSet::MAX_CPU).filter(|core| set.is_set(*core)).collect())
    }

    /// How many there are, at least 1.
    pub fn count(&self) -> usize {
        self.0.len().max(1)
    }

    /// The core of the server and of its reference. Not the first one, which serves the system's interrupts.
    pub fn server(&self) -> usize {
        self.0.get(1).or(self.0.first()).copied().unwrap_or(0)
    }

    /// The core of the load generator. On a machine with one core it is the server's too, and figures mean little.
    pub fn generator(&self) -> usize {
        self.0.first().copied().unwrap_or(0)
    }
}

/// Runs `work` on a thread of its own that stays on `core`; a process that it starts stays there as well.
///
/// # Errors
/// The system refuses the core.
///
/// # Panics
/// When `work` does.
pub fn on_core<T: Send>(core: usize, work: impl FnOnce() -> T + Send) -> io::Result<T> {
    let pinned = || {
        let mut set = CpuSet::new();
        set.set(core);
        sched_setaffinity(None, &set)?;
        Ok(work())
    };
    thread::scope(|scope| scope.spawn(pinned).join()).unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_on_a_core_and_what_it_starts_see_that_core_alone() {
        let cores = Cores::of_this_process();

        let seen = on_core(cores.server(), || {
            let status = std::process::Command::new("cat").arg("/proc/self/status").output().unwrap();
            (Cores::of_this_process().0, String::from_utf8(status.stdout).unwrap())
        });

        let (thread, child) = seen.unwrap();
        assert_eq!(thread, [cores.server()]);
        let allowed = child.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap();
        assert_eq!(allowed.trim(), cores.server().to_string());
    }
}
