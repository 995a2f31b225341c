//! A line of an import file: one JSON object with each field once and no other, as the REST API has it of its bodies.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::Value;

use crate::control::{ImportLine, Outcome};

/// The fields of an account.
const FIELDS: [&str; 3] = ["name", "email", "password_hash"];
/// How much of an unknown field's name is told.
const NAME_SHOWN: usize = 64;

/// Reads a line.
///
/// # Errors
/// The importer's: the first thing that is wrong with it.
pub(super) fn parse(line: &[u8]) -> Result<ImportLine, Outcome> {
    let Ok(Members(members)) = serde_json::from_slice(line) else {
        return Err(refused("", "malformed", "is not a JSON object"));
    };
    let mut texts = FIELDS.map(|_| None);
    for (name, value) in members {
        let Some(at) = FIELDS.iter().position(|field| *field == name) else {
            let shown: String = name.chars().take(NAME_SHOWN).collect();
            return Err(refused(&shown, "unknown_field", "is not a field of an account"));
        };
        let Value::String(text) = value else { return Err(refused(&name, "wrong_type", "must be of type string")) };
        if texts[at].replace(text).is_some() {
            return Err(refused(&name, "duplicate", "must be given once"));
        }
    }
    match texts {
        [Some(name), Some(email), Some(password_hash)] => Ok(ImportLine { name, email, password_hash }),
        texts => {
            let missing = texts.iter().position(Option::is_none).map_or("", |at| FIELDS[at]);
            Err(refused(missing, "required", "is required"))
        }
    }
}

/// What becomes of a line that is too long to be read.
pub(super) fn too_long() -> Outcome {
    refused("", "too_long", "line is longer than 4096 bytes")
}

fn refused(field: &str, code: &str, detail: &str) -> Outcome {
    Outcome::Refused { field: field.to_owned(), code: code.to_owned(), detail: detail.to_owned() }
}

/// The members of a JSON object as they stand there: of those with the same name, a map would keep one only.
struct Members(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Object)
    }
}

struct Object;

impl<'de> Visitor<'de> for Object {
    type Value = Members;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Members(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_no_account_is_refused_with_the_field_at_fault() {
        let told = |line: &str| match parse(line.as_bytes()).map(drop).unwrap_err() {
            Outcome::Refused { field, code, .. } => (field, code),
            other => panic!("{other:?}"),
        };
        let refusals = [
            (r#"{"name": "Ann", "password_hash": "h"}"#, ("email", "required")),
            (r#"{"name": "Ann", "email": "a", "password_hash": "h", "role": 1}"#, ("role", "unknown_field")),
            (r#"{"name": "Ann", "email": null, "password_hash": "h"}"#, ("email", "wrong_type")),
            (r#"{"name": "Ann", "name": "Ben", "email": "a", "password_hash": "h"}"#, ("name", "duplicate")),
            (r#"["Ann", "a", "h"]"#, ("", "malformed")),
            (r#"{"name": "Ann""#, ("", "malformed")),
            ("{} {}", ("", "malformed")),
            ("\"\u{0}\"", ("", "malformed")),
        ];

        for (line, (field, code)) in refusals {
            assert_eq!(told(line), (field.to_owned(), code.to_owned()), "{line}");
        }
    }

    #[test]
    fn the_fields_may_come_in_any_order() {
        let line = parse(b"{\"password_hash\": \"h\", \"email\": \"a\", \"name\": \"Ann\"}\r\n").ok().unwrap();

        assert_eq!((line.name, line.email, line.password_hash), ("Ann".into(), "a".into(), "h".into()));
    }

    /// Any bytes as a line; `./just fuzz` searches on from the corpus.
    #[test]
    fn a_line_is_an_account_or_refused_by_a_field_of_its_own() {
        bolero::check!().with_max_len(1024).for_each(|bytes: &[u8]| match parse(bytes) {
            Ok(ImportLine { name, email, password_hash }) => {
                let again = serde_json::json!({ "name": name, "email": email, "password_hash": password_hash });
                assert!(parse(again.to_string().as_bytes()).is_ok_and(|line| line.email == email));
            }
            Err(Outcome::Refused { field, code, .. }) => {
                assert!(!field.is_empty() || matches!(&*code, "malformed" | "unknown_field"), "{code}");
            }
            Err(other) => panic!("{other:?}"),
        });
    }
}
