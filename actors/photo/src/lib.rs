//! Photos: metadata, content and renditions.
//!
//! `messages` is the domain's contract, `model` its values, `image` what is done to a picture before it is kept, `store`
//! and `content` its ports (rows, and the bytes they speak of), `upload` what a picture is poured into, `actor` its behaviour,
//! `error` its faults.

#![deny(clippy::unwrap_used)] // here and not in the workspace's list, since integration tests may unwrap

mod actor;
mod content;
mod error;
pub mod image;
mod log;
mod messages;
mod model;
mod store;
mod upload;

pub use actor::*;
pub use content::*;
pub use error::Error;
pub use messages::*;
pub use model::*;
pub use store::*;
pub use upload::*;
