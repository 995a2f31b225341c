//! Photos: their rows, and the bytes that the rows speak of.

mod content;

#[expect(unused_imports, reason = "content is being written")]
pub use content::*;
