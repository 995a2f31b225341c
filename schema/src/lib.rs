//! Everything that outlives a process: entities, migrations, and the adapters of the domains' store ports.
//!
//! - [`data_dir`]: the directory that everything embedded lies in; one process at a time, one secret.
//! - [`user`], [`session`], [`photo`]: a folder a domain, each with a database of its own: `entities` are its tables,
//!   `migrations` make them, and the folder's own type implements the domain's port.
//! - `photo::content`: where photos' bytes are kept: files, or with the features of their names `s3` and `mega`.
//! - [`log`]: the files that log records become, and those in which they wait to be carried elsewhere.
//! - `database`: what an adapter sees of a relational database: a pool to read from, and commands that run inside of a
//!   write transaction. Two are behind it: `sqlite`, one writer that commits in groups and a few readers beside it, and
//!   `postgres` (the feature of that name), a pool with a transaction for each command.
//! - `lease`: which of several processes does a work of a database that they share.
//! - `redis` (the feature of that name): sessions of several nodes, which hear of each other's changes, and the profiles
//!   that they share.
//! - [`transfer`]: rows as lines of files, which take them from one installation to another.
//!
//! Everything is opened on a Tokio runtime that must live as long as what was opened. A time is stored as nanoseconds,
//! a UUID as 16 bytes; queries go through SeaORM alone, so that another database can stand behind the same entities.

#![deny(clippy::unwrap_used)] // here and not in the workspace's list, since integration tests may unwrap

pub mod data_dir;
mod database;
mod lease;
pub mod log;
mod migration;
mod moment;
pub mod photo;
#[cfg(feature = "postgres")]
pub mod postgres;
mod probe;
mod purge;
#[cfg(feature = "redis")]
pub mod redis;
pub mod session;
mod sqlite;
pub mod transfer;
#[cfg(any(feature = "mega", feature = "postgres", feature = "redis", feature = "s3"))]
mod unopened;
pub mod user;

pub use database::Operations;
#[cfg(any(feature = "mega", feature = "postgres", feature = "redis", feature = "s3"))]
pub use unopened::Unopened;
