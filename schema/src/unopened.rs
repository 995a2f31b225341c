//! Why a store that a server keeps cannot be opened.

/// Why a server's store cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{detail}")]
pub struct Unopened {
    /// The setting that is to blame, such as `url` or `ca_file`.
    pub key: &'static str,
    /// What is wrong, in one line.
    pub detail: String,
    /// Whether it may mend by itself.
    pub passes: bool,
}

impl Unopened {
    /// It stays so until somebody changes something.
    pub(crate) fn for_good(key: &'static str, detail: impl Into<String>) -> Self {
        Self { key, detail: detail.into(), passes: false }
    }

    /// The server may come, or come to itself.
    pub(crate) fn for_now(detail: impl Into<String>) -> Self {
        Self { key: "url", detail: detail.into(), passes: true }
    }
}
