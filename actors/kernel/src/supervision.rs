//! Supervisors: who starts what, in which order, and what happens after a crash. The terms are OTP's.
//!
//! Invariant: of each child at most one life is in charge at any time, and a supervisor is the only one who begins or
//! ends it. Children are started in the order in which they were added and stopped in the reverse.

mod actor;
mod backoff;
mod branch;
mod child;
mod drain;
mod intensity;
mod life;
mod slot;
mod spec;
mod supervisor;
mod task;

pub use backoff::Backoff;
pub use drain::{Cut, CutBecause, Drained};
pub use intensity::Intensity;
pub use spec::{Placement, Spec};
pub use supervisor::Supervisor;

pub(crate) use life::Life;

/// Which children share the fate of one that crashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Strategy {
    /// None: the children are independent of each other.
    OneForOne,
    /// All of them: they only make sense together.
    OneForAll,
    /// Those that were started after it: they depend on it.
    RestForOne,
}
