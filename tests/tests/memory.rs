//! What a node does with memory that it has freed.

use std::fs;

use portico_tests::{Home, Node};

/// What tells the allocator after how many milliseconds freed memory goes back to the system; it looks once, at the start.
const OPTION: &str = "MIMALLOC_PURGE_DELAY";

/// The value of [`OPTION`] that the process was started with.
fn delay_of(node: &Node) -> Option<String> {
    let environment = fs::read_to_string(format!("/proc/{}/environ", node.id())).unwrap();
    environment.split('\0').find_map(|pair| pair.strip_prefix(OPTION)?.strip_prefix('=').map(str::to_owned))
}

#[tokio::test]
async fn a_node_gives_freed_memory_back_at_once_under_the_id_that_it_was_started_with() {
    let home = Home::new();

    let node = home.up().await;

    assert_eq!(delay_of(&node).as_deref(), Some("0"));
}
