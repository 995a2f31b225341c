//! Histories: what many clients do at the same moment, held against models of what could follow each other.
//!
//! A seed decides what clients try; threads and disks decide how it interleaves. Each request is written down with when it
//! began, when it was answered and what was answered, once for each thing that it touched: the accounts, a name, a session,
//! somebody's photos. Then an order is searched that explains the answers.
//!
//! - `steps`: what clients try. `history`: one history from its beginning to its end.
//! - `caller`, `of_accounts`, `of_photos`: the requests, and what their answers say. `world`: what clients know.
//! - `ledger`: what was done to each thing. `models`: what each thing is. `timeline`: whether an order explains it.
//! - `run`: many histories against one node.
//! - [`nodes`]: sessions over several nodes, while ways between them are frozen.

mod caller;
mod history;
mod ledger;
mod models;
pub mod nodes;
mod of_accounts;
mod of_photos;
mod run;
mod steps;
mod timeline;
mod world;

pub use run::{Plan, run};

use crate::{
    Home,
    crash::{self, Rows},
};

/// A home where passwords cost little and caches are small, so that much happens in a second.
pub fn home() -> Home {
    crash::home()
}

/// What a query of one row and column finds in a database of a node.
pub async fn number(home: &Home, database: &str, query: &'static str) -> u64 {
    let mut rows = Rows::open(&home.data(), database).await;
    let number = rows.number(query).await;
    rows.close().await;
    number
}
