//! The OpenAPI 3.1 document, made of the routes.

use std::collections::BTreeMap;

use actix_web::http::Method;
use aide::openapi::{
    ApiKeyLocation, Components, Header, Info, OpenApi, Operation as Described, PathItem, Paths, ReferenceOr, Response,
    SchemaObject, SecurityScheme, StatusCode, Tag,
};
use schemars::{Schema, SchemaGenerator, generate::SchemaSettings, json_schema, transform::RecursiveTransform};

use super::{Api, Operation};
use crate::{
    openapi::{Description, answer_header, media, without_null_default},
    problem::{Code, Document, PROBLEM_JSON},
};

/// What any route may answer, whatever it does.
const EVERYWHERE: &[Code] = &[
    Code::MalformedRequest,
    Code::NotAcceptable,
    Code::InvalidField, // a parameter that nothing reads
    Code::RateLimited,
    Code::HeaderTooLarge,
    Code::Internal,
    Code::Overloaded,
    Code::Unavailable,
    Code::DeadlineExceeded,
];

/// The headers of every answer.
const EVERY_ANSWERS: [(&str, &str); 4] = [
    (
        "RateLimit",
        "What is left of each budget that counted the request: `r` requests, and `t` seconds until it is full.",
    ),
    ("RateLimit-Policy", "How large each of them is: `q` requests, which refill in `w` seconds."),
    ("X-Request-Id", "The request's own id, a UUID v7."),
    ("Traceparent", "The request's trace (W3C Trace Context): its id is what to search the logs for."),
];
/// That of an answer which asks for patience.
const RETRY_AFTER: (&str, &str) = ("Retry-After", "After how many seconds to try again.");

impl Api {
    /// The document that describes the routes; nothing has to run for it.
    pub fn document(&self) -> OpenApi {
        let mut generators = Generators::new();
        let mut paths = Paths::default();
        for operation in &self.operations {
            let described = generators.describe(operation);
            let item = paths.paths.entry(operation.path.to_owned()).or_insert(ReferenceOr::Item(PathItem::default()));
            let item = item.as_item_mut().expect("paths are described in place");
            *method(item, &operation.method) = Some(described);
        }
        OpenApi {
            info: Info {
                title: "Portico".into(),
                summary: Some("Accounts, sessions and photos".into()),
                description: Some(include_str!("about.md").into()),
                version: env!("CARGO_PKG_VERSION").into(),
                ..Info::default()
            },
            tags: self.tags(),
            paths: Some(paths),
            components: Some(generators.components()),
            ..OpenApi::default()
        }
    }

    fn tags(&self) -> Vec<Tag> {
        let described = |(name, description): &(&str, &str)| Tag {
            name: (*name).to_owned(),
            description: Some((*description).to_owned()),
            ..Tag::default()
        };
        self.tags.iter().map(described).collect()
    }
}

impl Operation {
    /// The function's name.
    fn id(&self) -> &'static str {
        self.handler.rsplit("::").next().unwrap_or(self.handler)
    }
}

fn method<'a>(item: &'a mut PathItem, method: &Method) -> &'a mut Option<Described> {
    match *method {
        Method::POST => &mut item.post,
        Method::PATCH => &mut item.patch,
        Method::DELETE => &mut item.delete,
        _ => &mut item.get,
    }
}

/// Requests are described as they are read and answers as they are written; both name their types in one place.
struct Generators {
    requests: SchemaGenerator,
    answers: SchemaGenerator,
}

impl Generators {
    fn new() -> Self {
        let settings = SchemaSettings::draft2020_12().with(|settings| {
            settings.definitions_path = "/components/schemas".into();
            settings.meta_schema = None;
            settings.transforms.push(Box::new(RecursiveTransform(without_null_default)));
        });
        Self { requests: settings.clone().for_deserialize().into(), answers: settings.for_serialize().into() }
    }

    fn describe(&mut self, operation: &Operation) -> Described {
        let mut described = Described {
            operation_id: Some(operation.id().to_owned()),
            tags: vec![operation.tag.to_owned()],
            summary: Some(operation.summary.to_owned()),
            description: Some(operation.description.to_owned()).filter(|text| !text.is_empty()),
            ..Described::default()
        };
        let mut description = Description {
            operation: &mut described,
            requests: &mut self.requests,
            answers: &mut self.answers,
            problems: operation.problems.iter().chain(EVERYWHERE).copied().collect(),
        };
        (operation.describe)(&mut description);
        if !operation.method.is_safe() {
            description.problems(&[Code::CrossSite, Code::StorageFull]);
        }
        let problems = std::mem::take(&mut description.problems);
        let responses = described.responses.get_or_insert_default();
        for (status, codes) in by_status(problems) {
            responses.responses.insert(StatusCode::Code(status), ReferenceOr::Item(self.problem(&codes)));
        }
        for response in responses.responses.values_mut().filter_map(ReferenceOr::as_item_mut) {
            response.headers.extend(EVERY_ANSWERS.map(header_by_name));
        }
        described
    }

    /// One answer for all problems of a status, with an example for each.
    fn problem(&mut self, codes: &[Code]) -> Response {
        let names: Vec<_> = codes.iter().map(|code| code.name()).collect();
        let problem = self.answers.subschema_for::<Document<'_>>();
        let schema = json_schema!({ "allOf": [problem, { "properties": { "code": { "enum": names } } }] });
        let mut content = media(schema);
        for code in codes {
            content.examples.insert(code.name().to_owned(), ReferenceOr::Item(example(*code)));
        }
        let described: Vec<_> =
            codes.iter().map(|code| format!("[`{0}`](/docs/problems/{0}): {1}", code.name(), code.cause())).collect();
        let headers = codes.iter().any(|code| code.asks_for_patience()).then(|| header_by_name(RETRY_AFTER));
        Response {
            description: described.join("\n\n"),
            headers: headers.into_iter().collect(),
            content: std::iter::once((PROBLEM_JSON.to_owned(), content)).collect(),
            ..Response::default()
        }
    }

    fn components(mut self) -> Components {
        let definitions = self.requests.take_definitions(true).into_iter().chain(self.answers.take_definitions(true));
        let schemas = definitions.map(|(name, schema)| {
            let json_schema = Schema::try_from(schema).expect("a definition is a schema");
            (name, SchemaObject { json_schema, external_docs: None, example: None })
        });
        let security_schemes = [("cookie", cookie_scheme()), ("bearer", bearer_scheme())];
        let security_schemes = security_schemes.map(|(name, scheme)| (name.to_owned(), ReferenceOr::Item(scheme)));
        let headers = EVERY_ANSWERS.into_iter().chain([RETRY_AFTER]);
        Components {
            schemas: schemas.collect(),
            headers: headers.map(|(name, text)| (name.to_owned(), answer_header(text))).collect(),
            security_schemes: security_schemes.into_iter().collect(),
            ..Components::default()
        }
    }
}

/// A header that is described among the components.
fn header_by_name((name, _): (&str, &str)) -> (String, ReferenceOr<Header>) {
    (name.to_owned(), ReferenceOr::ref_(&format!("#/components/headers/{name}")))
}

fn by_status(codes: impl IntoIterator<Item = Code>) -> BTreeMap<u16, Vec<Code>> {
    let mut statuses = BTreeMap::<u16, Vec<Code>>::new();
    for code in codes {
        statuses.entry(code.status().as_u16()).or_default().push(code);
    }
    statuses
}

fn example(code: Code) -> aide::openapi::Example {
    let value = serde_json::json!({
        "type": format!("/docs/problems/{}", code.name()),
        "title": code.title(),
        "status": code.status().as_u16(),
        "detail": code.cause(),
        "code": code.name(),
        "fault": if code.status().is_server_error() { "server" } else { "client" },
        "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
    });
    aide::openapi::Example { summary: Some(code.title().to_owned()), value: Some(value), ..Default::default() }
}

fn cookie_scheme() -> SecurityScheme {
    SecurityScheme::ApiKey {
        location: ApiKeyLocation::Cookie,
        name: "session".into(),
        description: Some(
            "Browsers: set at sign-in, kept and sent by the browser, so that nothing needs to be entered here. It is \
             called `__Host-session` where the API is served over https."
                .into(),
        ),
        extensions: [].into(),
    }
}

fn bearer_scheme() -> SecurityScheme {
    SecurityScheme::Http {
        scheme: "bearer".into(),
        bearer_format: None,
        description: Some(
            "Other clients: the `token` that sign-in with `?transport=bearer` answers. Together with the cookie of a browser \
             that is signed in it is refused (400): press Logout here, call `DELETE /logout`, and then enter the token."
                .into(),
        ),
        extensions: [].into(),
    }
}
