//! What handlers answer: JSON with the headers that belong to it, or nothing.

use std::borrow::Cow;

use actix_web::{
    HttpRequest, HttpResponse, HttpResponseBuilder, Responder,
    body::BoxBody,
    cookie::Cookie,
    http::{StatusCode, header},
};
use aide::openapi::Response;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::{
    Answer,
    openapi::{Description, answer_header},
};

/// Something that can be shown as JSON.
pub trait Body: Serialize + JsonSchema + 'static {
    /// Where it is found once it is created.
    fn location(&self) -> Option<String> {
        None
    }

    /// The headers and cookies that go with it.
    fn dress(&self, _: &mut HttpResponseBuilder) {}

    /// Describes those.
    fn describe_headers(_: &mut Response) {}
}

/// 200 with JSON.
#[derive(Debug)]
pub struct Json<T>(pub T);

/// 201 with JSON and where it is found.
#[derive(Debug)]
pub struct Created<T>(pub T);

/// 204, with cookies and headers.
#[derive(Debug, Default)]
pub struct NoContent {
    /// Cookies to set or to clear.
    pub cookies: Vec<Cookie<'static>>,
    /// Headers by name.
    pub headers: Vec<(&'static str, String)>,
}

impl<T: Body> Responder for Json<T> {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        render(StatusCode::OK, &self.0).body(text(&self.0))
    }
}

impl<T: Body> Responder for Created<T> {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        let mut answer = render(StatusCode::CREATED, &self.0);
        if let Some(location) = self.0.location() {
            answer.insert_header((header::LOCATION, location));
        }
        answer.body(text(&self.0))
    }
}

impl Responder for NoContent {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        let mut answer = HttpResponse::NoContent();
        for cookie in self.cookies {
            answer.cookie(cookie);
        }
        for header in self.headers {
            answer.insert_header(header);
        }
        answer.finish()
    }
}

fn render<T: Body>(status: StatusCode, body: &T) -> HttpResponseBuilder {
    let mut answer = HttpResponse::build(status);
    answer.content_type("application/json");
    body.dress(&mut answer);
    answer
}

fn text<T: Serialize>(body: &T) -> String {
    serde_json::to_string(body).expect("answers are plain structs with text keys")
}

const JSON: &[&str] = &["application/json"];

impl<T: Body> Answer for Json<T> {
    const MEDIA: &'static [&'static str] = JSON;

    fn describe(operation: &mut Description<'_>) {
        T::describe_headers(operation.json_answer::<T>(200, "Done."));
    }
}

impl<T: Body> Answer for Created<T> {
    const MEDIA: &'static [&'static str] = JSON;

    fn describe(operation: &mut Description<'_>) {
        let answer = operation.json_answer::<T>(201, "Created.");
        answer.headers.insert("Location".into(), answer_header("Where it is found."));
        T::describe_headers(answer);
    }
}

impl Answer for NoContent {
    const MEDIA: &'static [&'static str] = &[];

    fn describe(operation: &mut Description<'_>) {
        operation.answer(204, "Done.");
    }
}

/// A time as RFC 3339 in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timestamp(pub OffsetDateTime);

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = self.0.to_offset(time::UtcOffset::UTC).format(&Rfc3339).map_err(serde::ser::Error::custom)?;
        serializer.serialize_str(&text)
    }
}

impl JsonSchema for Timestamp {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Timestamp".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date-time" })
    }
}
