//! Measuring a subject beside a reference.
//!
//! Invariant: a figure is a ratio against a reference that was measured in the same run, in turns with the subject, so
//! that a busy or slow machine moves both. Absolute times are printed to be read, and to be compared with nothing.
//!
//! - [`figures`]: what `./just bench` measures, one module each, with the floor that it must keep.
//! - [`run`], [`node`], [`process`], [`cores`]: how long, with which node, what it uses, on which core.
//! - [`load`]: the load generator over HTTP; [`accounts`]: those in whose name it asks; [`mod@reference`]: what it asks besides.
//! - [`report`]: the table, and the file of results.
//! - `benches/`: micro-benchmarks of the hot paths; `cargo bench -p portico-bench` runs them.

pub mod accounts;
pub mod cores;
pub mod figure;
pub mod figures;
pub mod load;
pub mod node;
pub mod process;
pub mod profile;
pub mod reference;
pub mod report;
pub mod run;
pub mod statistics;
