//! A call of the API, which can be repeated.

use reqwest::Method;
use serde_json::Value;

/// A body, and what it is.
pub(super) enum Body<'a> {
    None,
    Json(Value),
    Picture(&'a [u8]),
}

/// A call that can be repeated.
pub(super) struct Call<'a> {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) token: Option<&'a str>,
    pub(super) key: Option<&'a str>,
    pub(super) body: Body<'a>,
}

impl<'a> Call<'a> {
    pub(super) fn new(method: Method, path: impl Into<String>) -> Self {
        Self { method, path: path.into(), token: None, key: None, body: Body::None }
    }

    pub(super) fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path)
    }

    pub(super) fn post(path: impl Into<String>) -> Self {
        Self::new(Method::POST, path)
    }

    pub(super) fn delete(path: impl Into<String>) -> Self {
        Self::new(Method::DELETE, path)
    }

    pub(super) fn by(self, token: &'a str) -> Self {
        Self { token: Some(token), ..self }
    }

    pub(super) fn key(self, key: Option<&'a str>) -> Self {
        Self { key, ..self }
    }

    pub(super) fn json(self, body: Value) -> Self {
        Self { body: Body::Json(body), ..self }
    }

    pub(super) fn picture(self, bytes: &'a [u8]) -> Self {
        Self { body: Body::Picture(bytes), ..self }
    }
}
