//! What can go wrong with a photo, and whose fault it is.

use std::time::Duration;

use portico_kernel::{AskError, Blame, Client, Fault, FieldError, Invalid, Server, StoreError};

/// Why a photo message failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The owner has no such photo.
    #[error("photo is unknown")]
    Unknown,
    /// The upload is larger than allowed.
    #[error("upload is larger than {max_bytes} bytes")]
    TooLarge {
        /// The most that is allowed.
        max_bytes: u64,
    },
    /// The content is no picture of an accepted type.
    #[error("content is not an accepted picture type")]
    UnsupportedType,
    /// The picture has more pixels than allowed.
    #[error("picture has more than {max} pixels")]
    TooManyPixels {
        /// The most that is allowed.
        max: u64,
    },
    /// The picture is damaged or cut short.
    #[error("picture cannot be decoded")]
    BadImage,
    /// The upload was broken off.
    #[error("upload was broken off")]
    Aborted,
    /// The owner has as many photos as allowed.
    #[error("owner has {max} photos already")]
    QuotaReached {
        /// The most that is allowed.
        max: u32,
    },
    /// The owner's account is deleted.
    #[error("owner is deleted")]
    OwnerDeleted,
    /// The idempotency key was used for another upload.
    #[error("idempotency key was used for another upload")]
    KeyReused,
    /// An upload under the same idempotency key is still in progress.
    #[error("an upload under this idempotency key is in progress")]
    KeyInProgress,
    /// Too many pictures are waiting to be decoded.
    #[error("too many pictures are waiting to be decoded")]
    Overloaded,
    /// Processing failed through a bug.
    #[error("picture processing failed")]
    Processing,
    /// Content has one place only: nothing can be moved.
    #[error("content has one place only")]
    OnePlace,
    /// An event that cannot be understood: a poison message.
    #[error("event cannot be understood")]
    BadEvent(#[source] serde_json::Error),
    /// Rows, content or staging failed.
    #[error("photo store failed")]
    Store(#[from] StoreError),
    /// The actor did not answer.
    #[error("photo actor did not answer")]
    Ask(#[from] AskError),
}

impl Blame for Error {
    fn fault(&self) -> Fault {
        match self {
            Self::Unknown => Fault::Client(Client::Unknown),
            Self::TooLarge { .. } => Fault::Client(Client::TooLarge),
            Self::UnsupportedType => Fault::Client(Client::UnsupportedMedia),
            Self::TooManyPixels { .. } | Self::BadImage | Self::KeyReused => Fault::Client(Client::Invalid),
            Self::Aborted | Self::BadEvent(_) => Fault::Client(Client::Malformed),
            Self::QuotaReached { .. } | Self::KeyInProgress | Self::OnePlace => Fault::Client(Client::Conflict),
            Self::OwnerDeleted => Fault::Client(Client::Unauthenticated),
            Self::Overloaded => Fault::Server(Server::Overloaded),
            Self::Processing => Fault::Server(Server::Broken),
            Self::Store(error) => error.fault(),
            Self::Ask(error) => error.fault(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Unknown => "photo_unknown",
            Self::TooLarge { .. } => "too_large",
            Self::UnsupportedType => "unsupported_media_type",
            Self::TooManyPixels { .. } | Self::BadImage => "invalid_field",
            Self::Aborted => "upload_aborted",
            Self::QuotaReached { .. } => "photo_quota_reached",
            Self::OwnerDeleted => "session_dead",
            Self::KeyReused => "idempotency_key_reused",
            Self::KeyInProgress => "idempotency_key_in_progress",
            Self::Overloaded => "overloaded",
            Self::Processing => "internal",
            Self::OnePlace => "one_place",
            Self::BadEvent(_) => "bad_event",
            Self::Store(error) => error.code(),
            Self::Ask(error) => error.code(),
        }
    }

    fn fields(&self) -> Vec<FieldError> {
        match self {
            Self::TooManyPixels { max } => {
                vec![Invalid::new("too_many_pixels", format!("must have at most {max} pixels")).of("file")]
            }
            Self::BadImage => vec![Invalid::new("bad_image", "must be a whole, undamaged picture").of("file")],
            _ => Vec::new(),
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Overloaded | Self::KeyInProgress => Some(Duration::from_secs(1)),
            Self::Ask(error) => error.retry_after(),
            _ => None,
        }
    }
}
