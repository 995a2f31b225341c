//! Everything but photos' bytes goes from one installation to another, whole or not at all.

mod embedded;
mod lines;
#[cfg(feature = "distributed")]
mod production;
mod support;
