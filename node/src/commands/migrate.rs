//! `portico migrate`: brings the databases up to date, and does nothing else.

use portico_config::Config;

use crate::{exit::Failure, node::Node, output::print};

/// Opens every database, which migrates it, and closes it again.
///
/// # Errors
/// The operator's: the data directory is held by a running node, or a database cannot be migrated.
pub(crate) async fn run(config: &Config) -> Result<(), Failure> {
    Node::offline(config.clone()).await?.close().await;
    print(&format!("databases are up to date; data in {}\n", config.data.dir.display()))
}
