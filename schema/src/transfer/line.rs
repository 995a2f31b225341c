//! Lines and their fields: JSON objects with each field once and no other; times as RFC 3339 has them, to the nanosecond,
//! hashes in hexadecimal.

use portico_kernel::{FieldError, Invalid};
use serde::{Serialize, de::DeserializeOwned};

/// Reads a line.
///
/// # Errors
/// Whoever wrote it: the first thing that is wrong with it; never the value itself.
pub(crate) fn parse<L: DeserializeOwned>(line: &str) -> Result<L, FieldError> {
    let mut json = serde_json::Deserializer::from_str(line);
    let parsed = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let field = error.path().to_string();
        let field = if field == "." { String::new() } else { field };
        Invalid::new("malformed", rule(&error.into_inner())).of(field)
    })?;
    json.end().map_err(|_| Invalid::new("malformed", "is followed by something else").of(""))?;
    Ok(parsed)
}

/// A line as it is written.
pub(crate) fn text(line: &impl Serialize) -> String {
    serde_json::to_string(line).expect("plain fields serialise")
}

/// What an error says, without its place and without the value that it speaks of.
fn rule(error: &serde_json::Error) -> String {
    let told = error.to_string();
    let told = told.rsplit_once(" at line ").map_or(&*told, |(told, _)| told);
    match told.strip_prefix("invalid ").and_then(|told| told.rsplit_once(", expected ")) {
        Some((_, expected)) => format!("must be {expected}"),
        None => told.to_owned(),
    }
}

/// Checks a number.
///
/// # Errors
/// Whoever wrote it: `out_of_range`.
pub(crate) fn within(field: &'static str, number: i64, least: i64, most: i64) -> Result<(), FieldError> {
    if (least..=most).contains(&number) {
        return Ok(());
    }
    Err(Invalid::new("out_of_range", format!("must be {least} to {most}")).of(field))
}

/// Checks a text that is no more than kept.
///
/// # Errors
/// Whoever wrote it: `too_long`, in characters.
pub(crate) fn at_most(field: &'static str, text: &str, most: usize) -> Result<(), FieldError> {
    if text.chars().count() <= most {
        return Ok(());
    }
    Err(Invalid::new("too_long", format!("must be at most {most} characters long")).of(field))
}

/// Nanoseconds, as columns have them, as a time of RFC 3339.
pub(crate) mod moment {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
    use time::serde::rfc3339;

    use crate::moment::{from_nanos, to_nanos};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's own signature")]
    pub(crate) fn serialize<S: Serializer>(nanos: &i64, serializer: S) -> Result<S::Ok, S::Error> {
        rfc3339::serialize(&from_nanos(*nanos), serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
        let moment = rfc3339::deserialize(deserializer).map_err(|_| told())?;
        let nanos = to_nanos(moment);
        if from_nanos(nanos) == moment { Ok(nanos) } else { Err(told()) }
    }

    fn told<E: Error>() -> E {
        E::custom("must be a time as RFC 3339 has it, between the years 1678 and 2262")
    }

    /// A moment that may be absent.
    pub(crate) mod option {
        use super::{Deserialize, Deserializer, Serialize, Serializer};

        #[derive(Serialize, Deserialize)]
        #[serde(transparent)]
        struct Moment(#[serde(with = "super")] i64);

        #[expect(clippy::ref_option, reason = "serde's own signature")]
        pub(crate) fn serialize<S: Serializer>(nanos: &Option<i64>, serializer: S) -> Result<S::Ok, S::Error> {
            nanos.map(Moment).serialize(serializer)
        }

        pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
            Ok(Option::<Moment>::deserialize(deserializer)?.map(|Moment(nanos)| nanos))
        }
    }
}

/// 32 bytes in hexadecimal.
pub(crate) mod hash {
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(crate) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(bytes))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = hex::decode(text).ok().filter(|bytes| bytes.len() == 32);
        bytes.ok_or_else(|| D::Error::custom("must be 64 hexadecimal digits"))
    }
}
