//! The API's description for people: Swagger UI from the binary, openapi.json, and a page for every problem.
//!
//! Invariant: a page runs the scripts and shows the styles that were compiled in and nothing else: its policy names them by
//! their hashes.

mod problems;

use std::sync::LazyLock;

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
    config
        .service(page("/openapi.json", |_| Some(("application/json", document(), None))))
        .service(page("/docs", |_| Some(UI.content())))
        .service(page("/docs/problems", |_| Some(problems::all().content())))
        .service(page("/docs/problems/{code}", |code| Some(problems::one(Code::named(code)?).content())));
}

/// Made when it is first asked for: most nodes are never asked, and describing every route takes a few megabytes.
fn document() -> Bytes {
    Bytes::from_static(openapi_json().as_bytes())
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

/// What every page has in its head: without the icon the browser asks for one that there is none of.
const HEAD: &str = r#"
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
"#;

const UI_STYLE: &str = include_str!("docs/ui.css");

static UI: LazyLock<Page> = LazyLock::new(|| {
    let html = Swagger::new("/openapi.json").with_title("Portico API").html();
    let html = html.replacen("<head>", &format!("<head>{HEAD}<style>\n{UI_STYLE}</style>\n"), 1);
    Page::new(html, "img-src 'self' data: blob:; connect-src 'self'; ")
});

/// A page for people, and the policy that it is read under.
struct Page {
    html: Bytes,
    policy: String,
}

impl Page {
    /// `allowed` are the directives for what it loads beside its own scripts and styles.
    fn new(html: String, allowed: &str) -> Self {
        let policy = format!(
            "default-src 'none'; {}{}{allowed}base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
            directive("script-src", &hashes(&html, "<script>", "</script>")),
            directive("style-src", &hashes(&html, "<style>", "</style>")),
        );
        Self { html: html.into(), policy }
    }

    fn content(&self) -> Content {
        (HTML, self.html.clone(), Some(self.policy.clone()))
    }
}

/// None for an empty list, which is what `default-src` says already.
fn directive(name: &str, sources: &str) -> String {
    if sources.is_empty() { String::new() } else { format!("{name} {sources}; ") }
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
