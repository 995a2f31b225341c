//! Sessions: who is signed in, from where, and until when.
//!
//! A session is an opaque random token; only its SHA-256 is stored. It ends when it is idle for too long, when its
//! absolute lifetime is over, when it is revoked, when its user opens too many later ones, or when its user's credential
//! epoch is raised past its own.
//!
//! `messages` is the domain's contract, `model` its values, `store` its port, `actor` its behaviour, `error` its faults.
//! `view` is what the actor publishes of its sessions, so that validating one that is in use costs no hop. Where several
//! processes change the same sessions, a [`Watch`] tells it of what the others did.
//!
//! A node wires it so (the view outlives the actor's restarts; every caller that validates gets the validator):
//!
//! ```text
//! let view = View::new(entries_max);
//! let sessions = supervisor.supervise(Spec::new("sessions"), {
//!     let view = view.clone();
//!     move || Sessions::new(store.clone(), clock.clone(), limits, view.clone())
//! });
//! let validate = View::validator(view, clock, sessions.ask());
//! let create: Ask<Create> = sessions.ask();      // and so on, one Ask for each message
//! ```

#![deny(clippy::unwrap_used)] // here and not in the workspace's list, since integration tests may unwrap

mod actor;
mod error;
mod log;
mod messages;
mod model;
mod store;
mod view;

pub use actor::*;
pub use error::Error;
pub use messages::*;
pub use model::*;
pub use store::*;
pub use view::{View, Watch};
