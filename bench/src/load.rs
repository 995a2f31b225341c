//! A load generator over HTTP/1.1 with keep-alive, cheap enough that one core of it saturates a server on another.
//!
//! Open loop: requests are due by a fixed schedule, whatever the server does, and a latency counts from when its request
//! was due. So a server that stalls is charged for everybody who would have come meanwhile (no coordinated omission).
//! Closed loop: each connection sends its next request when it has its answer; this finds the capacity.
//!
//! Invariant: the generator reports on itself. [`Outcome::lateness`] says how long after its due time a request was sent,
//! [`Outcome::busy_share`] how much of its time it had something to do: only when it was not the limit does a figure tell of the server.

mod connection;
mod idling;
mod outcome;
mod request;
mod schedule;

pub use connection::{Connection, Reply};
pub use outcome::{Outcome, Sample};
pub use request::Request;
pub use schedule::{Pace, Plan, WhenBusy, run};
