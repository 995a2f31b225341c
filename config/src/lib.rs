//! Portico's configuration: loaded from defaults, files, environment and flags; checked whole, before anything starts.
//!
//! - `config/default.yml` is complete and commented; it is compiled in, so that a binary alone has every default.
//! - [`load`] merges the sources, the later over the earlier, and answers a [`Config`] or every [`Mistake`] at once.
//! - `sections` has a struct for each section, `check` the rules that types cannot say, `tls` whether certificate and
//!   key can be used, `yaml` the file format.

#![deny(clippy::unwrap_used)] // here and not in the workspace's list, since integration tests may unwrap

mod check;
mod load;
mod mistake;
mod secret;
mod sections;
mod tls;
mod yaml;

pub use check::host_of;
pub use load::{Sources, load};
pub use mistake::{Mistake, Mistakes, Origin};
pub use secret::Secret;
pub use sections::*;

/// Every key with its default, commented.
pub const DEFAULT_YML: &str = include_str!("../default.yml");

impl Config {
    /// The configuration in force as YAML, without its secrets.
    pub fn to_yaml(&self) -> String {
        yaml_serde::to_string(self).expect("plain structs serialise")
    }
}
