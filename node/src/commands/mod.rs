//! One module for each command.

#[cfg(feature = "distributed")]
pub(crate) mod certs;
pub(crate) mod config;
pub(crate) mod data;
mod import;
pub(crate) mod logs;
pub(crate) mod migrate;
pub(crate) mod photos;
pub(crate) mod up;
pub(crate) mod user;
