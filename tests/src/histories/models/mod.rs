//! What each thing is, as long as one client follows the other.
//!
//! A request that touches several things is an operation of each. What holds between them (a changed password ends
//! sessions) is said by the same request's operations on all of them.

pub(super) mod accounts;
pub(super) mod names;
pub(super) mod photos;
pub(super) mod sessions;
