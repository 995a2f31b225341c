//! What every actor stands on.
//!
//! A domain author writes ordinary actix actors and handlers; this crate makes them survive. The tour:
//!
//! - [`Supervisor`]: starts actors and restarts them with fresh state after a panic (wherever it happens), within an
//!   [`Intensity`], after a [`Backoff`], by one of OTP's strategies; drains them in order; shows itself as a [`Tree`].
//! - [`Ref`] and [`Ask`]: a handle that outlives restarts, and a typed call that is bounded in flight, carries a
//!   [`Deadline`] and whose [`AskError`] says whether the call ever ran. [`RetryBudget`] bounds the repeats of those.
//! - [`ResponseFuture`] and [`AtomicResponse`]: what a handler returns; they carry deadline, trace and span into the work.
//! - [`Blame`]: every error says whose fault it is and under which stable code.
//! - [`Event`], [`Clock`], [`TraceContext`], typed ids: the vocabulary that domains share.
//! - [`Span`]: a piece of work within a trace; every call of an actor and every job of a [`Pool`] is one, where a
//!   [`SpanCollector`] takes them.
//! - [`Pool`]: a bounded pool of low-priority threads for work that burns CPU.
//! - `testkit` (a feature, for dev-dependencies): a clock moved by hand, actors in one line, probes, recorders.
//!
//! How it is built: a `Mailbox` belongs to the [`Ref`] and holds calls across restarts; an `incarnation` is one life of
//! an actor, with a pump that carries calls from the mailbox into actix's own `Context` and a driver that survives its
//! panics; `supervision` begins and ends lives; `threads` are the Arbiters beneath, with a [`Watchdog`].

#![deny(clippy::unwrap_used)] // here and not in the workspace's list, since integration tests may unwrap

extern crate self as portico_kernel; // for `id!` inside of this crate

mod ask;
mod blame;
mod chaos;
mod clock;
mod deadline;
mod event;
mod id;
mod idempotency;
mod incarnation;
mod latency;
mod lease;
mod lookups;
mod mailbox;
mod outbox;
mod panics;
mod pool;
mod reference;
mod respond;
mod retry;
mod scope;
mod store;
mod supervision;
#[cfg(feature = "testkit")]
pub mod testkit;
mod threads;
mod trace;
mod tree;

pub use ask::{Ask, AskError, Callee};
pub use blame::{Blame, Client, Fault, FieldError, Invalid, Server};
pub use clock::{Clock, SystemClock};
pub use deadline::Deadline;
pub use event::Event;
pub use id::UserId;
pub use idempotency::{IDEMPOTENCY_KEPT, Idempotency, IdempotencyKey};
pub use latency::{LATENCY_BOUNDS, Latency};
pub use lease::{LEASE, Lease};
pub use lookups::{CacheLoad, Lookups};
pub use outbox::Outbox;
pub use pool::{Pool, PoolError, PoolLoad};
pub use reference::Ref;
pub use respond::{AtomicResponse, ResponseFuture, Tracked};
pub use retry::RetryBudget;
pub use store::{Source, StoreError};
pub use supervision::{Backoff, Cut, CutBecause, Drained, Intensity, Placement, Spec, Strategy, Supervisor};
pub use threads::Watchdog;
pub use trace::{
    EndedSpan, Hex, Span, SpanCollector, SpanEnd, SpanKind, SpanValue, TraceContext, Traceparent, TraceparentError,
    collect_spans,
};
pub use tree::{Kind, Node, Restarts, State, Tree, TreeHandle};

// What the exported macros name.
#[doc(hidden)]
pub use {serde, uuid};
