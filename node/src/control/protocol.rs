//! What is asked and answered. These types carry hashes and passwords, and so have no `Debug`.

use portico_config::ContentAdapter;
use portico_kernel::UserId;
use portico_photo::{Left, PhotoId};
use serde::{Deserialize, Serialize};

/// A request, one line.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Request {
    /// Give an account a one-time password.
    ResetPassword {
        /// The account's address.
        email: String,
    },
    /// End all sessions of an account.
    SignOut {
        /// The account's address.
        email: String,
    },
    /// Take over accounts, at most `portico_user::Import::MAX_BATCH`.
    Import {
        /// The accounts.
        users: Vec<ImportLine>,
    },
    /// Move the content of a few photos.
    MovePhotos {
        /// From where to where.
        places: Places,
        /// Photos after this one.
        after: Option<(UserId, PhotoId)>,
    },
}

/// Two places of photos' content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Places {
    /// Which is left.
    pub(crate) from: ContentAdapter,
    /// Where new content goes.
    pub(crate) to: ContentAdapter,
}

/// An account to import, as a line of the import file has it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ImportLine {
    /// What people call the user.
    pub(crate) name: String,
    /// Where the user signs in from.
    pub(crate) email: String,
    /// A bcrypt or argon2 hash.
    pub(crate) password_hash: String,
}

/// An answer, one line.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reply {
    /// The one-time password.
    Password(String),
    /// All sessions of the account were ended.
    SignedOut,
    /// What became of each account, in the order of the request.
    Imported(Vec<Outcome>),
    /// What became of the photos.
    Moved(Moved),
    /// The node has other places of content, or one only.
    OtherPlaces,
    /// The node does not host what the request is about.
    Elsewhere,
    /// The request failed.
    Failed {
        /// The stable code of the problem.
        code: String,
        /// What went wrong.
        detail: String,
    },
}

/// What became of an account to import.
#[derive(Serialize, Deserialize, PartialEq, Eq, Debug)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    /// It was opened.
    Opened,
    /// Its address has an account already, which was left as it is.
    Present,
    /// A field breaks a rule.
    Refused {
        /// The field.
        field: String,
        /// The stable code of the rule.
        code: String,
        /// The rule.
        detail: String,
    },
}

/// What became of the photos that were to be moved.
#[derive(Serialize, Deserialize)]
pub(crate) struct Moved {
    /// Copied, and deleted where they were.
    pub(crate) copied: u64,
    /// There already.
    pub(crate) present: u64,
    /// Each that stays where it is, and why.
    pub(crate) left: Vec<(PhotoId, String)>,
    /// Whether all of them stay since nothing can be read or written for now.
    pub(crate) is_stuck: bool,
    /// How many photos there are.
    pub(crate) total: u64,
    /// After which to go on; none at the end.
    pub(crate) next: Option<(UserId, PhotoId)>,
    /// At the end: content that is left and still to be deleted.
    pub(crate) waiting: u64,
}

impl From<portico_photo::Moved> for Moved {
    fn from(moved: portico_photo::Moved) -> Self {
        let portico_photo::Moved { moved: copied, present, left, total, next, waiting } = moved;
        let is_stuck = copied + present == 0 && !left.is_empty() && left.iter().all(|(_, why)| *why == Left::Failed);
        let left = left.into_iter().map(|(photo, why)| (photo, reason(why).to_owned())).collect();
        Self { copied, present, left, is_stuck, total, next, waiting }
    }
}

fn reason(left: Left) -> &'static str {
    match left {
        Left::Missing => "its content is in neither place",
        Left::Altered => "its content is not what was uploaded",
        Left::Failed => "its content could not be read or written; the log says why",
    }
}
