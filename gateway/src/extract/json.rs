//! Strict JSON bodies.
//!
//! Invariant: what a handler gets was one well-formed JSON object in UTF-8, with every key known and named once, and is
//! valid in the domain's terms.

use std::{collections::HashSet, fmt};

use actix_web::{FromRequest, HttpRequest, dev::Payload, http::header};
use futures_util::future::LocalBoxFuture;
use portico_kernel::Invalid;
use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Value};

use super::{Parse, read_body, shape};
use crate::{Input, Problem, openapi::Description, problem::Code, settings::Settings};

/// The body, parsed.
pub struct Valid<T: Parse>(pub T::Parsed);

impl<T: Parse> FromRequest for Valid<T> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, mut payload) = (request.clone(), payload.take());
        Box::pin(async move {
            is_json(&request)?;
            let body = read_body(&request, &mut payload, Settings::of(&request).http.limits.json_max_bytes).await?;
            Ok(Self(parse::<T>(&body)?.parse()?))
        })
    }
}

impl<T: Parse> Input for Valid<T> {
    fn describe(operation: &mut Description<'_>) {
        operation.json_body::<T>();
        operation.problems(&[
            Code::MalformedJson,
            Code::UploadAborted,
            Code::RequestTimeout,
            Code::TooLarge,
            Code::UnsupportedMediaType,
            Code::InvalidField,
        ]);
    }
}

/// `application/json` and nothing else; UTF-8 is the only charset that JSON has (RFC 8259, section 8.1).
fn is_json(request: &HttpRequest) -> Result<(), Problem> {
    let mut types = request.headers().get_all(header::CONTENT_TYPE);
    let (Some(only), None) = (types.next(), types.next()) else { return Err(unsupported()) };
    let text = only.to_str().map_err(|_| unsupported())?;
    let (essence, parameters) = text.split_once(';').unwrap_or((text, ""));
    let is_utf8 = |parameter: &str| {
        let parameter = parameter.trim().to_ascii_lowercase();
        matches!(parameter.as_str(), "" | "charset=utf-8" | "charset=\"utf-8\"")
    };
    let is_json = essence.trim().eq_ignore_ascii_case("application/json") && parameters.split(';').all(is_utf8);
    let is_plain = !request.headers().contains_key(header::CONTENT_ENCODING);
    if is_json && is_plain { Ok(()) } else { Err(unsupported()) }
}

fn unsupported() -> Problem {
    Problem::new(Code::UnsupportedMediaType).detail("body must be application/json, in UTF-8 and not encoded")
}

/// Reads the shape of `body`. Only a body that does not fit is looked at again, to say all that is wrong with it.
fn parse<T: Parse>(body: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice::<EachKeyOnce>(body).map_err(|error| malformed(&error))?;
    if !body.trim_ascii_start().starts_with(b"{") {
        // An array would be read into a struct as well, field by field.
        return Err(Problem::new(Code::MalformedJson).detail("body must be a JSON object"));
    }
    serde_json::from_slice(body).map_err(|error| match serde_json::from_slice::<Map<String, Value>>(body) {
        Ok(object) => match shape::broken::<T>(&object) {
            errors if errors.is_empty() => malformed(&error),
            errors => super::Invalids(errors).into(),
        },
        Err(error) => malformed(&error),
    })
}

/// Where the text stops to be JSON; never what stands there.
fn malformed(error: &serde_json::Error) -> Problem {
    let at = format!("line {} column {}", error.line(), error.column());
    let problem = Problem::new(Code::MalformedJson);
    match error.to_string().strip_prefix(DUPLICATE) {
        Some(rest) => {
            let key = rest.rsplit_once(" at line").map_or(rest, |(key, _)| key).to_owned();
            let broken = Invalid::new("duplicate", "must be given once").of(key);
            problem.detail(format!("a key is given twice at {at}")).errors([broken])
        }
        None => problem.detail(format!("body is not well-formed JSON at {at}")),
    }
}

const DUPLICATE: &str = "duplicate key: ";
/// How much of a duplicate key is told.
const KEY_SHOWN: usize = 64;

/// Any JSON in which no object names a key twice, at any depth; nothing of it is kept. `serde_json` alone would let the
/// last of them win.
struct EachKeyOnce;

impl<'de> Deserialize<'de> for EachKeyOnce {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for EachKeyOnce {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
        let mut seen = HashSet::new();
        while let Some(key) = map.next_key::<String>()? {
            if seen.contains(&key) {
                return Err(A::Error::custom(format!(
                    "{DUPLICATE}{}",
                    key.chars().take(KEY_SHOWN).collect::<String>()
                )));
            }
            seen.insert(key);
            map.next_value::<Self>()?;
        }
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self, A::Error> {
        while items.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }
}
