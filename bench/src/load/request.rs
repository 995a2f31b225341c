//! Requests as they go over the wire, serialised once.

use serde::Serialize;

/// A request, ready to be written.
#[derive(Debug, Clone)]
pub struct Request(Vec<u8>);

impl Request {
    /// A GET, under a session's token if there is one.
    pub fn get(path: &str, token: Option<&str>) -> Self {
        let authorization = token.map(|token| format!("authorization: Bearer {token}\r\n")).unwrap_or_default();
        Self(format!("GET {path} HTTP/1.1\r\nhost: bench\r\naccept: */*\r\n{authorization}\r\n").into_bytes())
    }

    /// A POST of `body` as JSON.
    ///
    /// # Panics
    /// When `body` cannot be written as JSON.
    pub fn post(path: &str, body: &impl Serialize) -> Self {
        let body = serde_json::to_string(body).expect("bodies are plain structs");
        let length = body.len();
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: bench\r\naccept: */*\r\ncontent-type: application/json\r\n\
             content-length: {length}\r\n\r\n"
        );
        Self((head + &body).into_bytes())
    }

    /// A POST of `body` as it is, under a session's token.
    pub fn upload(path: &str, token: &str, content_type: &str, body: &[u8]) -> Self {
        let length = body.len();
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: bench\r\naccept: */*\r\nauthorization: Bearer {token}\r\n\
             content-type: {content_type}\r\ncontent-length: {length}\r\n\r\n"
        );
        Self([head.as_bytes(), body].concat())
    }

    /// The bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}
