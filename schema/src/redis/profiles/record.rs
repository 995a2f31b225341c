//! A profile as text: its version, which sorts as versions do, a letter for what is known, and the user's fields as JSON.

use portico_kernel::UserId;
use portico_user::{Email, Name, Profile, User};
use serde::{Deserialize, Serialize};

use crate::{
    moment::{from_nanos, to_nanos},
    redis::record::{of_sortable, sortable},
};

/// How long a version is, as text.
const VERSION_LENGTH: usize = 20;

/// A user's fields; moments in nanoseconds.
#[derive(Serialize, Deserialize)]
struct Fields {
    name: String,
    email: String,
    created: i64,
    updated: i64,
}

/// The version, by which the server compares.
pub(super) fn version(version: i64) -> String {
    sortable(version)
}

/// What is known, after the version.
pub(super) fn known(profile: &Profile) -> String {
    match profile {
        Profile::User(user) => format!("u{}", fields(user)),
        Profile::Deleted(..) => "d".to_owned(),
        Profile::Changed(..) => "c".to_owned(),
    }
}

fn fields(user: &User) -> String {
    let fields = Fields {
        name: user.name.as_str().to_owned(),
        email: user.email.as_str().to_owned(),
        created: to_nanos(user.created_at),
        updated: to_nanos(user.updated_at),
    };
    serde_json::to_string(&fields).expect("plain fields serialise")
}

/// Reads both; none of what nobody wrote, which ends with its time.
pub(super) fn of(id: UserId, text: &str) -> Option<Profile> {
    let (version, known) = text.split_at_checked(VERSION_LENGTH)?;
    let version = of_sortable(version)?;
    match known.split_at_checked(1)? {
        ("u", fields) => {
            let Fields { name, email, created, updated } = serde_json::from_str(fields).ok()?;
            let (created_at, updated_at) = (from_nanos(created), from_nanos(updated));
            let (name, email) = (Name::parse(&name).ok()?, Email::parse(&email).ok()?);
            Some(Profile::User(User { id, name, email, created_at, updated_at, version }))
        }
        ("d", "") => Some(Profile::Deleted(id, version)),
        ("c", "") => Some(Profile::Changed(id, version)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use time::OffsetDateTime;

    use super::*;

    fn ann() -> User {
        User {
            id: UserId::new(),
            name: Name::parse("Änn \"the\" cat").unwrap(),
            email: Email::parse("ann@example.com").unwrap(),
            created_at: OffsetDateTime::UNIX_EPOCH,
            updated_at: OffsetDateTime::UNIX_EPOCH + time::Duration::nanoseconds(1),
            version: 7,
        }
    }

    #[test]
    fn what_is_known_reads_back() {
        let ann = ann();

        for profile in [Profile::User(ann.clone()), Profile::Deleted(ann.id, i64::MAX), Profile::Changed(ann.id, 1)] {
            let text = version(profile.version()) + &known(&profile);
            assert_eq!(of(ann.id, &text), Some(profile), "{text}");
        }
    }

    #[test]
    fn what_nobody_wrote_is_nothing() {
        let version = version(1);

        for text in ["", "1u{}", "é", &format!("{version}x"), &format!("{version}u{{}}"), &format!("{version}d more")]
        {
            assert_eq!(of(UserId::new(), text), None, "{text}");
        }
    }
}
