//! The API's description for people: Swagger UI from the binary, openapi.json, and a page for every problem.
//!
//! Invariant: a page runs the scripts that were compiled in and nothing else: the policy names them by their hashes.

use std::{fmt::Write as _, sync::LazyLock};

use actix_web::{
    HttpResponse, Resource,
    http::{Method, header},
    middleware::Compress,
    web::{self, Bytes, ServiceConfig},
};
use aide::swagger::Swagger;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest as _, Sha256};

use crate::{
    Problem,
    api::{method_guard, other_methods},
    problem::Code,
    routes::openapi_json,
};

/// How long a browser may keep what only a new release changes.
const CACHE: &str = "public, max-age=300";
const HTML: &str = "text/html; charset=utf-8";

/// Serves the pages. They hold nothing secret, so that compressing them gives nothing away (BREACH); answers about
/// accounts are never compressed.
pub(crate) fn register(config: &mut ServiceConfig) {
    let document = Bytes::from(openapi_json());
    config
        .service(page("/openapi.json", move |_| Some(("application/json", document.clone(), None))))
        .service(page("/docs", |_| Some((HTML, UI.html.clone(), Some(UI.policy.clone())))))
        .service(page("/docs/problems", |_| Some((HTML, list(Code::ALL), None))))
        .service(page("/docs/problems/{code}", |code| Some((HTML, list(&[Code::named(code)?]), None))));
}

/// Media type, content, and the content security policy if it needs one of its own.
type Content = (&'static str, Bytes, Option<String>);

fn page(
    path: &str,
    content: impl Fn(&str) -> Option<Content> + Clone + 'static,
) -> Resource<
    impl actix_web::dev::ServiceFactory<
        actix_web::dev::ServiceRequest,
        Config = (),
        Response = actix_web::dev::ServiceResponse<impl actix_web::body::MessageBody>,
        Error = actix_web::Error,
        InitError = (),
    >,
> {
    let get = web::route().guard(method_guard(&Method::GET)).to(move |code: Option<web::Path<String>>| {
        let content = content(code.as_ref().map_or("", |code| code.as_str()));
        async move { content.map(render).ok_or_else(|| Problem::new(Code::NotFound)) }
    });
    other_methods(web::resource(path).route(get), &[Method::GET]).wrap(Compress::default())
}

fn render((media_type, content, policy): Content) -> HttpResponse {
    let mut answer = HttpResponse::Ok();
    answer.content_type(media_type).insert_header((header::CACHE_CONTROL, CACHE));
    if let Some(policy) = policy {
        answer.insert_header((header::CONTENT_SECURITY_POLICY, policy));
    }
    answer.body(content)
}

static UI: LazyLock<Ui> = LazyLock::new(Ui::new);

struct Ui {
    html: Bytes,
    policy: String,
}

impl Ui {
    fn new() -> Self {
        let html = Swagger::new("/openapi.json").with_title("Portico API").html();
        // Else the browser asks for an icon that there is none of.
        let html = html.replacen("<head>", "<head>\n<link rel=\"icon\" href=\"data:,\">", 1);
        let policy = format!(
            "default-src 'none'; script-src {}; style-src {}; img-src 'self' data: blob:; connect-src 'self'; \
             base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
            hashes(&html, "<script>", "</script>"),
            hashes(&html, "<style>", "</style>"),
        );
        Self { html: html.into(), policy }
    }
}

/// The hash of every element between `open` and `close`, as a policy names it (CSP level 3, section 2.3.1).
fn hashes(html: &str, open: &str, close: &str) -> String {
    let mut sources = Vec::new();
    let mut rest = html;
    while let Some((_, after)) = rest.split_once(open) {
        let (element, beyond) = after.split_once(close).unwrap_or((after, ""));
        sources.push(format!("'sha256-{}'", STANDARD.encode(Sha256::digest(element))));
        rest = beyond;
    }
    sources.join(" ")
}

fn list(codes: &[Code]) -> Bytes {
    let mut html =
        String::from("<!DOCTYPE html>\n<html lang=\"en\">\n<title>Portico: problems</title>\n<h1>Problems</h1>\n");
    for code in codes {
        let (name, status) = (code.name(), code.status().as_u16());
        write!(
            html,
            "<h2 id=\"{name}\">{}</h2>\n<p><code>{name}</code>, status {status}</p>\n<p>Cause: {}</p>\n<p>Mend: {}</p>\n",
            code.title(),
            code.cause(),
            code.mend(),
        )
        .expect("writing to a string cannot fail");
    }
    html.push_str("<p><a href=\"/docs/problems\">All problems</a> · <a href=\"/docs\">API</a></p>\n</html>\n");
    html.into()
}
