//! The query: as strict as a body.

use std::future::{Ready, ready};

use actix_web::{FromRequest, HttpRequest, dev::Payload, web};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use portico_kernel::Invalid;
use portico_photo::PhotoId;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{Fields, Invalids, Parse, shape};
use crate::{Input, Problem, openapi::Description, problem::Code};

/// The query, parsed.
pub struct Query<T: Parse>(pub T::Parsed);

impl<T: Parse> FromRequest for Query<T> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(read::<T>(request.query_string()).map(Self))
    }
}

impl<T: Parse> Input for Query<T> {
    const READS_QUERY: bool = true;

    fn describe(operation: &mut Description<'_>) {
        operation.query::<T>();
        operation.problems(&[Code::InvalidField]);
    }
}

/// Refuses the parameters of a request that reads none.
///
/// # Errors
/// The client's: there are some.
pub(crate) fn refuse_query(request: &HttpRequest) -> Result<(), Problem> {
    match request.query_string() {
        "" => Ok(()),
        query => read::<Nothing>(query),
    }
}

/// A query without parameters.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Nothing {}

impl Parse for Nothing {
    type Parsed = ();

    fn parse(self) -> Result<(), Invalids> {
        Ok(())
    }
}

fn read<T: Parse>(query: &str) -> Result<T::Parsed, Problem> {
    let malformed = || Problem::new(Code::MalformedRequest).detail("query is malformed");
    let web::Query(pairs) = web::Query::<Vec<(String, String)>>::from_query(query).map_err(|_| malformed())?;
    let mut object = Map::new();
    for (name, value) in pairs {
        // A number is read as one; a text of digits would be the only other meaning, and no parameter has it.
        let value = value.parse::<u64>().map_or(Value::String(value), Value::from);
        if object.insert(name.clone(), value).is_some() {
            return Err(malformed().errors([Invalid::new("duplicate", "must be given once").of(name)]));
        }
    }
    match T::deserialize(Value::Object(object.clone())) {
        Ok(query) => Ok(query.parse()?),
        Err(_) => match shape::broken::<T>(&object) {
            errors if errors.is_empty() => Err(malformed()),
            errors => Err(Invalids(errors).into()),
        },
    }
}

/// Which page of photos is asked for.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PageOf {
    /// How many items at the most.
    #[serde(default = "PageOf::default_limit")]
    #[schemars(range(min = 1, max = 100))]
    limit: u32,
    /// The `next` of the page before; the first page without it.
    #[serde(default)]
    #[schemars(with = "String")]
    after: Option<String>,
}

impl PageOf {
    /// The most items of a page.
    pub const MAX_LIMIT: u32 = 100;

    const fn default_limit() -> u32 {
        20
    }

    /// The cursor that leads on after `photo`; opaque to clients.
    pub fn cursor(photo: PhotoId) -> String {
        URL_SAFE_NO_PAD.encode(photo.uuid().as_bytes())
    }

    fn parse_cursor(text: &str) -> Result<PhotoId, Invalid> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok();
        let id = bytes.and_then(|bytes| Uuid::from_slice(&bytes).ok());
        id.map(PhotoId::from).ok_or_else(|| Invalid::new("malformed", "must be the `next` of another page"))
    }
}

impl Parse for PageOf {
    /// Limit and cursor.
    type Parsed = (u32, Option<PhotoId>);

    fn parse(self) -> Result<Self::Parsed, Invalids> {
        let mut fields = Fields::new();
        let range = 1..=Self::MAX_LIMIT;
        let limit = if range.contains(&self.limit) {
            Ok(self.limit)
        } else {
            Err(Invalid::new("out_of_range", "must be 1 to 100"))
        };
        let limit = fields.take("limit", limit);
        let after = fields.optional("after", self.after.as_deref(), Self::parse_cursor);
        fields.done(limit.map(|limit| (limit, after)))
    }
}
