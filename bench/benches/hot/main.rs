//! Micro-benchmarks of the hot paths, so that a change's cost is seen before it lands.
//!
//! `cargo bench -p portico-bench` measures all of them and says how each compares with the last time on this machine
//! (`target/criterion`); `-- session` measures those whose name holds that. Each stands beside what it cannot be faster
//! than, in the same group. What they come to in a whole node, and the floors for it, are `./just bench`.

mod ask;
mod log;
mod me;
mod profiles;
mod sessions;
mod system;

use criterion::Criterion;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc; // the node's

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    ask::measure(&mut criterion);
    sessions::measure(&mut criterion);
    profiles::measure(&mut criterion);
    log::measure(&mut criterion);
    me::measure(&mut criterion);
    criterion.final_summary();
}
