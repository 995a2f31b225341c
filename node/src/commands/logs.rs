//! `portico logs`.
