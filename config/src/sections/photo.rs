//! The photo domain: what it takes, and where it keeps it.

use std::{num::NonZeroUsize, path::PathBuf};

use serde::{Deserialize, Serialize};

use super::Store;
use crate::Secret;

/// The photo domain.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Photo {
    /// Where photos' rows are kept.
    pub store: Store,
    /// Where their bytes are kept.
    pub content: Content,
    /// The largest upload.
    pub upload_max_bytes: u64,
    /// The most pixels of a picture.
    pub pixels_max: u64,
    /// The most photos of a user.
    pub per_user_max: u32,
    /// The memory that all decodes share.
    pub decode_memory_bytes: u64,
    /// Threads that decode.
    pub threads: Option<NonZeroUsize>,
    /// The most uploads at the same time.
    pub uploads_max: usize,
}

/// Where photos' bytes are kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Content {
    /// In what.
    pub adapter: ContentAdapter,
    /// Where else they may lie, while they are moved from the one to the other.
    pub also: Option<ContentAdapter>,
    /// Where S3 is, with what follows up to `virtual_host`.
    pub endpoint: Option<String>,
    /// The region that requests are signed for.
    pub region: String,
    /// The bucket.
    pub bucket: Option<String>,
    /// What all names in it begin with.
    pub prefix: String,
    /// The key's name.
    pub access_key_id: Option<Secret>,
    /// The key.
    pub secret_access_key: Option<Secret>,
    /// A file that holds it.
    pub secret_access_key_file: Option<PathBuf>,
    /// Whether the bucket is a part of the host's name.
    pub virtual_host: bool,
    /// An account of Mega.nz.
    pub mega: Mega,
    /// The authorities that vouch for the storage, beside the public ones.
    pub ca_file: Option<PathBuf>,
    /// How long the storage may take to answer, or be silent within an answer.
    pub timeout_ms: u64,
    /// How long storage that is away is waited for at the start.
    pub retry_at_start_s: u64,
}

/// What photos' bytes can be kept in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ContentAdapter {
    /// A directory in the data directory.
    Files,
    /// A bucket of S3-compatible storage.
    S3,
    /// A folder of an account of Mega.nz.
    Mega,
}

impl ContentAdapter {
    /// As it is written in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Files => "files",
            Self::S3 => "s3",
            Self::Mega => "mega",
        }
    }
}

impl Content {
    /// Whether photos' bytes may lie in that.
    pub fn uses(&self, adapter: ContentAdapter) -> bool {
        self.adapter == adapter || self.also == Some(adapter)
    }
}

/// An account of Mega.nz.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mega {
    /// Where its API is.
    pub endpoint: String,
    /// Who the account is to it.
    pub email: Option<Secret>,
    /// Its password.
    pub password: Option<Secret>,
    /// A file that holds the password.
    pub password_file: Option<PathBuf>,
    /// The folder that holds the photos, and nothing else.
    pub folder: String,
}
