//! How handlers describe themselves: every extractor and every answer adds what it reads or writes to its operation.
//!
//! Invariant: what stands in openapi.json comes from the types that serve the request; nothing is described twice.

use std::collections::BTreeSet;

use actix_web::{FromRequest, Responder, web::Data};
use aide::openapi::{
    Header, HeaderStyle, MediaType, Operation, Parameter, ParameterData, ParameterSchemaOrContent, PathStyle,
    QueryStyle, ReferenceOr, RequestBody, Response, SchemaObject, StatusCode,
};
use schemars::{JsonSchema, Schema, SchemaGenerator};

use crate::problem::Code;

/// An extractor that can tell what it reads of a request. A handler's extractors run one after the other, in the order
/// of its arguments.
pub trait Input: FromRequest + 'static {
    /// Whether the handler works while the body comes in; its deadline then counts the server's time only.
    const STREAMS: bool = false;
    /// Whether it reads the query. A request with a query that nothing reads is refused.
    const READS_QUERY: bool = false;

    /// Adds what it reads, and the problems that it finds, to the operation.
    fn describe(operation: &mut Description<'_>);
}

/// An answer that can tell what it writes.
pub trait Answer: Responder + 'static {
    /// The media types that it may have; empty if it has no body.
    const MEDIA: &'static [&'static str];

    /// Adds what it writes to the operation.
    fn describe(operation: &mut Description<'_>);
}

impl<T: Answer> Answer for Result<T, crate::Problem> {
    const MEDIA: &'static [&'static str] = T::MEDIA;

    fn describe(operation: &mut Description<'_>) {
        T::describe(operation);
    }
}

/// What a handler needs of the server, not of the request.
impl<T: ?Sized + 'static> Input for Data<T> {
    fn describe(_: &mut Description<'_>) {}
}

/// An operation while it is being described.
pub struct Description<'a> {
    pub(crate) operation: &'a mut Operation,
    pub(crate) requests: &'a mut SchemaGenerator,
    pub(crate) answers: &'a mut SchemaGenerator,
    pub(crate) problems: BTreeSet<Code>,
}

impl Description<'_> {
    /// It reads a part of the path.
    pub fn path<T: JsonSchema>(&mut self, name: &str, description: &str) {
        let parameter_data = self.parameter::<T>(name, description, true);
        let parameter = Parameter::Path { parameter_data, style: PathStyle::Simple };
        self.operation.parameters.push(ReferenceOr::Item(parameter));
    }

    /// It reads a header.
    pub fn header<T: JsonSchema>(&mut self, name: &str, description: &str) {
        let parameter_data = self.parameter::<T>(name, description, false);
        let parameter = Parameter::Header { parameter_data, style: HeaderStyle::Simple };
        self.operation.parameters.push(ReferenceOr::Item(parameter));
    }

    /// It reads the query into a `T`: one optional parameter for each of its properties.
    pub fn query<T: JsonSchema>(&mut self) {
        let schema = T::json_schema(self.requests);
        for (name, property) in schema.get("properties").and_then(|all| all.as_object()).into_iter().flatten() {
            let mut property = property.clone();
            let description = property.as_object_mut().and_then(|object| object.remove("description"));
            let description = description.and_then(|text| text.as_str().map(str::to_owned)).unwrap_or_default();
            let mut schema = Schema::try_from(property).expect("a property's schema is a schema");
            without_null_default(&mut schema);
            let parameter = Parameter::Query {
                parameter_data: parameter(name, &description, false, schema),
                allow_reserved: false,
                style: QueryStyle::Form,
                allow_empty_value: None,
            };
            self.operation.parameters.push(ReferenceOr::Item(parameter));
        }
    }

    /// It reads a JSON body.
    pub fn json_body<T: JsonSchema>(&mut self) {
        let schema = self.requests.subschema_for::<T>();
        self.body("application/json", schema);
    }

    /// It reads a body of a media type; call it for each of several.
    pub fn body(&mut self, media_type: &str, schema: Schema) {
        let body = self
            .operation
            .request_body
            .get_or_insert_with(|| ReferenceOr::Item(RequestBody { required: true, ..RequestBody::default() }));
        if let Some(body) = body.as_item_mut() {
            body.content.insert(media_type.to_owned(), media(schema));
        }
    }

    /// It answers without a body.
    pub fn answer(&mut self, status: u16, description: &str) -> &mut Response {
        let responses = self.operation.responses.get_or_insert_default();
        let response = Response { description: description.to_owned(), ..Response::default() };
        let entry = responses.responses.entry(StatusCode::Code(status)).or_insert_with(|| ReferenceOr::Item(response));
        entry.as_item_mut().expect("answers are described in place")
    }

    /// It answers JSON.
    pub fn json_answer<T: JsonSchema>(&mut self, status: u16, description: &str) -> &mut Response {
        let schema = self.answers.subschema_for::<T>();
        let response = self.answer(status, description);
        response.content.insert("application/json".to_owned(), media(schema));
        response
    }

    /// It answers content of a media type; call it for each of several.
    pub fn content_answer(
        &mut self,
        status: u16,
        description: &str,
        media_type: &str,
        schema: Schema,
    ) -> &mut Response {
        let response = self.answer(status, description);
        response.content.insert(media_type.to_owned(), media(schema));
        response
    }

    /// It may find these problems.
    pub fn problems(&mut self, codes: &[Code]) {
        self.problems.extend(codes);
    }

    /// It serves the signed-in only, by cookie or by bearer token.
    pub fn secured(&mut self) {
        for scheme in ["cookie", "bearer"] {
            self.operation.security.push(std::iter::once((scheme.to_owned(), Vec::new())).collect());
        }
    }

    fn parameter<T: JsonSchema>(&mut self, name: &str, description: &str, required: bool) -> ParameterData {
        let schema = self.requests.subschema_for::<T>();
        parameter(name, description, required, schema)
    }
}

/// A field that may be absent has no default that could be sent.
pub(crate) fn without_null_default(schema: &mut Schema) {
    if schema.get("default").is_some_and(serde_json::Value::is_null) {
        schema.remove("default");
    }
}

/// A header of an answer, for [`Response::headers`].
pub fn answer_header(description: &str) -> ReferenceOr<Header> {
    ReferenceOr::Item(Header {
        description: Some(description.to_owned()),
        style: HeaderStyle::Simple,
        required: false,
        deprecated: None,
        format: ParameterSchemaOrContent::Schema(object(schemars::json_schema!({ "type": "string" }))),
        example: None,
        examples: [].into(),
        extensions: [].into(),
    })
}

fn parameter(name: &str, description: &str, required: bool, schema: Schema) -> ParameterData {
    ParameterData {
        name: name.to_owned(),
        description: Some(description.to_owned()),
        required,
        deprecated: None,
        format: ParameterSchemaOrContent::Schema(object(schema)),
        example: None,
        examples: [].into(),
        explode: None,
        extensions: [].into(),
    }
}

pub(crate) fn media(schema: Schema) -> MediaType {
    MediaType { schema: Some(object(schema)), ..MediaType::default() }
}

fn object(json_schema: Schema) -> SchemaObject {
    SchemaObject { json_schema, external_docs: None, example: None }
}
