//! The routes of the API, each registered once: for serving and for openapi.json.
//!
//! ```text
//! pub fn routes(api: Api) -> Api {
//!     api.tag("Accounts", "Who may sign in.")
//!         .post("/reg", register)
//!         .summary("Opens an account and signs in")
//!         .answers(problems![EmailTaken])
//! }
//! ```
//!
//! Invariant: a handler runs after all of its extractors, in their order; it is answered for if it panics, and when its
//! deadline passes.

mod document;
mod inputs;
mod serve;

use actix_web::{
    Handler, HttpResponse, Resource, Route,
    guard::{self, Guard},
    http::{Method, header},
    web::{self, ServiceConfig},
};

pub use inputs::Inputs;

use crate::{Answer, Problem, openapi::Description, problem::Code};

/// The routes that are being put together.
#[derive(Default)]
pub struct Api {
    /// Names and descriptions.
    tags: Vec<(&'static str, &'static str)>,
    operations: Vec<Operation>,
}

/// One method of one path.
struct Operation {
    method: Method,
    path: &'static str,
    tag: &'static str,
    summary: &'static str,
    description: &'static str,
    handler: &'static str,
    problems: Vec<Code>,
    describe: fn(&mut Description<'_>),
    route: Route,
}

impl Api {
    /// No routes yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Groups the routes that follow, for the reader of their description.
    #[must_use]
    pub fn tag(mut self, name: &'static str, description: &'static str) -> Self {
        self.tags.push((name, description));
        self
    }

    /// Serves GET, and HEAD with the same head and no body.
    #[must_use]
    pub fn get<F, Args>(self, path: &'static str, handler: F) -> Self
    where
        F: Handler<Args>,
        F::Output: Answer,
        Args: Inputs,
    {
        self.add(Method::GET, path, handler)
    }

    /// Serves POST.
    #[must_use]
    pub fn post<F, Args>(self, path: &'static str, handler: F) -> Self
    where
        F: Handler<Args>,
        F::Output: Answer,
        Args: Inputs,
    {
        self.add(Method::POST, path, handler)
    }

    /// Serves PATCH.
    #[must_use]
    pub fn patch<F, Args>(self, path: &'static str, handler: F) -> Self
    where
        F: Handler<Args>,
        F::Output: Answer,
        Args: Inputs,
    {
        self.add(Method::PATCH, path, handler)
    }

    /// Serves DELETE.
    #[must_use]
    pub fn delete<F, Args>(self, path: &'static str, handler: F) -> Self
    where
        F: Handler<Args>,
        F::Output: Answer,
        Args: Inputs,
    {
        self.add(Method::DELETE, path, handler)
    }

    /// Says in a few words what the last route does.
    #[must_use]
    pub fn summary(mut self, summary: &'static str) -> Self {
        self.last().summary = summary;
        self
    }

    /// Says at length what a caller of the last route must know, in Markdown.
    #[must_use]
    pub fn description(mut self, description: &'static str) -> Self {
        self.last().description = description;
        self
    }

    /// Names the problems that the last route's own work may end in; those of its extractors are known.
    #[must_use]
    pub fn answers(mut self, problems: &[Code]) -> Self {
        self.last().problems.extend(problems);
        self
    }

    fn last(&mut self) -> &mut Operation {
        self.operations.last_mut().expect("a route was added before it is described")
    }

    fn add<F, Args>(mut self, method: Method, path: &'static str, handler: F) -> Self
    where
        F: Handler<Args>,
        F::Output: Answer,
        Args: Inputs,
    {
        self.operations.push(Operation {
            route: serve::route(&method, handler),
            method,
            path,
            tag: self.tags.last().map_or("", |(name, _)| name),
            summary: "",
            description: "",
            handler: std::any::type_name::<F>(),
            problems: Vec::new(),
            describe: |description| {
                Args::describe(description);
                F::Output::describe(description);
            },
        });
        self
    }

    /// Puts the routes into an application. A path that is known answers 405 to other methods and lists its own to OPTIONS.
    pub fn register(self, config: &mut ServiceConfig) {
        let mut paths: Vec<(&'static str, Vec<Operation>)> = Vec::new();
        for operation in self.operations {
            match paths.iter_mut().find(|(path, _)| *path == operation.path) {
                Some((_, operations)) => operations.push(operation),
                None => paths.push((operation.path, vec![operation])),
            }
        }
        // The router tries one after the other, and one with parameters by a regular expression.
        paths.sort_by_key(|(path, _)| path.contains('{'));
        for (path, operations) in paths {
            config.service(resource(path, operations));
        }
    }
}

fn resource(path: &str, operations: Vec<Operation>) -> Resource {
    let methods: Vec<_> = operations.iter().map(|operation| operation.method.clone()).collect();
    let resource =
        operations.into_iter().fold(web::resource(path), |resource, operation| resource.route(operation.route));
    other_methods(resource, &methods)
}

/// Answers OPTIONS, and 405 to whatever else the resource does not serve.
pub(crate) fn other_methods(resource: Resource, methods: &[Method]) -> Resource {
    let mut allowed: Vec<_> = methods.iter().map(Method::as_str).collect();
    if allowed.contains(&"GET") {
        allowed.push("HEAD");
    }
    allowed.push("OPTIONS");
    let allow = header::HeaderValue::from_str(&allowed.join(", ")).expect("methods are visible ASCII");
    let options = allow.clone();
    resource
        .route(web::method(Method::OPTIONS).to(move || {
            let allow = options.clone();
            async move { HttpResponse::NoContent().insert_header((header::ALLOW, allow)).finish() }
        }))
        .default_service(web::to(move || {
            let allow = allow.clone();
            async move { Err::<HttpResponse, _>(Problem::new(Code::MethodNotAllowed).header(header::ALLOW, allow)) }
        }))
}

/// A GET route serves HEAD as well: the server leaves the body out (RFC 9110, section 9.3.2).
pub(crate) fn method_guard(method: &Method) -> impl Guard + use<> {
    let method = method.clone();
    guard::fn_guard(move |context| {
        let asked = &context.head().method;
        *asked == method || (method == Method::GET && *asked == Method::HEAD)
    })
}
