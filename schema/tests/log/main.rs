//! Log files: written, recovered, rotated, compressed, deleted, read and followed.

#![expect(clippy::case_sensitive_file_extension_comparisons, reason = "log files are named by us alone")]

mod crashes;
mod files;
mod fuzz;
mod positions;
mod reader;
mod spool;
mod support;
mod tails;
