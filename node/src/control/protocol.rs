//! What is asked and answered. These types carry hashes and passwords, and so have no `Debug`.

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
