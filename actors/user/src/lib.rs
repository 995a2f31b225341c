//! Users: who may sign in, and under which e-mail address.
//!
//! `messages` is the domain's contract, `model` its values (parsed, so that an invalid one cannot exist), `credential`
//! the passwords and their hashes, `event` what the domain tells the others, `store` its port, `actor` its behaviour,
//! `error` its faults. `policy` says which passwords may be chosen, `hasher` makes and verifies hashes on a pool of its
//! own, `imported` checks those of other systems, and `profiles` is what the actor publishes of its users, so that a
//! hot profile costs no hop; several nodes share them by a port of their own.
//!
//! A node wires it so (hasher and profiles outlive the actor's restarts; whoever reads profiles gets the reader):
//!
//! ```text
//! let hasher = Hasher::new(params, Pool::new("hash", threads, queue_max))?;
//! let profiles = Profiles::new(entries_max);
//! let ports = Ports { store, create: sessions.ask(), rotate: sessions.ask(), ensure_revocable: sessions.ask(),
//!                     raise_epoch: sessions.ask(), delete: sessions.ask(), hasher, policy: PasswordPolicy::new(min_length)?, profiles: profiles.clone(), clock };
//! let users = supervisor.supervise(Spec::new("users"), move || Users::new(ports.clone()));
//! let get_user = Profiles::reader(profiles, users.ask());
//! let register: Ask<Register> = users.ask();      // and so on, one Ask for each message
//! ```

#![deny(clippy::unwrap_used)] // here and not in the workspace's list, since integration tests may unwrap

mod actor;
mod credential;
mod error;
mod event;
mod hasher;
mod imported;
mod log;
mod messages;
mod model;
mod policy;
mod profiles;
mod store;

pub use actor::*;
pub use credential::*;
pub use error::Error;
pub use event::*;
pub use hasher::{HashParams, Hasher, Verdict};
pub use messages::*;
pub use model::*;
pub use policy::PasswordPolicy;
pub use profiles::{KEPT as PROFILES_KEPT, Profile, Profiles, ProfilesWatch, SharedProfiles};
pub use store::*;
