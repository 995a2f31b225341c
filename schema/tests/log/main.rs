//! Log files: written, recovered, rotated, compressed, deleted, read and followed.

mod crashes;
mod files;
mod reader;
mod support;
