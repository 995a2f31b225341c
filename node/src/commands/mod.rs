//! One module for each command.

pub(crate) mod config;
mod import;
pub(crate) mod logs;
pub(crate) mod migrate;
pub(crate) mod photos;
pub(crate) mod up;
pub(crate) mod user;
