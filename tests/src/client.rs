//! Somebody who calls the API, and what the API said.

use std::{future::IntoFuture, ops::Deref, pin::Pin};

use reqwest::{Method, RequestBuilder, header::HeaderMap};
use serde_json::{Value, json};

/// The password of everybody that [`Node::register`](crate::Node::register) makes.
pub const PASSWORD: &str = "quartz violin umbrella";

/// An HTTP client to be, which trusts nobody over TLS. Where the node is built with TLS for its own calls, so is every client
/// beside it: it wants to know whose cryptography to use, and would read the system's certificates each time.
pub fn http() -> reqwest::ClientBuilder {
    let _installed_before = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().tls_certs_only([])
}

/// Somebody who calls the API, with a cookie jar and perhaps a bearer token. Cheap to clone: the jar is shared.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    token: Option<String>,
}

impl Client {
    /// Somebody with an empty cookie jar.
    pub fn new(base: String) -> Self {
        Self { http: http().cookie_store(true).build().unwrap(), base, token: None }
    }

    /// The same address for somebody with an empty cookie jar and this bearer token.
    #[must_use]
    pub fn with_token(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..Self::new(self.base.clone()) }
    }

    /// The bearer token that it presents; empty without one.
    pub fn token(&self) -> &str {
        self.token.as_deref().unwrap_or_default()
    }

    /// A call with any method.
    pub fn call(&self, method: Method, path: &str) -> Call {
        let request = self.http.request(method, format!("{}{path}", self.base));
        Call(match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        })
    }

    /// GET.
    pub fn get(&self, path: &str) -> Call {
        self.call(Method::GET, path)
    }

    /// POST.
    pub fn post(&self, path: &str) -> Call {
        self.call(Method::POST, path)
    }

    /// PATCH.
    pub fn patch(&self, path: &str) -> Call {
        self.call(Method::PATCH, path)
    }

    /// DELETE.
    pub fn delete(&self, path: &str) -> Call {
        self.call(Method::DELETE, path)
    }

    /// Uploads a picture as the raw body, and answers the photo.
    pub async fn upload(&self, picture: Vec<u8>) -> Value {
        self.post("/me/photos").body("application/octet-stream", picture).await.expect(201)
    }
}

/// A call that is being put together; awaiting it makes it.
#[must_use]
pub struct Call(RequestBuilder);

impl Call {
    /// Sends JSON.
    pub fn json(self, body: &Value) -> Self {
        Self(self.0.json(body))
    }

    /// Sends bytes of a media type.
    pub fn body(self, content_type: &str, body: impl Into<reqwest::Body>) -> Self {
        Self(self.0.header("content-type", content_type).body(body))
    }

    /// Sends a file in a form, as a browser does.
    pub fn form_file(self, field: &'static str, name: &'static str, bytes: Vec<u8>) -> Self {
        let part = reqwest::multipart::Part::bytes(bytes).file_name(name);
        Self(self.0.multipart(reqwest::multipart::Form::new().part(field, part)))
    }

    /// Sends a header.
    pub fn header(self, name: &str, value: &str) -> Self {
        Self(self.0.header(name, value))
    }

    /// Makes the call; none when the connection failed.
    pub async fn attempt(self) -> Option<Answer> {
        let answer = self.0.send().await.ok()?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        Some(Answer { status, headers, bytes: answer.bytes().await.ok()?.into() })
    }
}

impl IntoFuture for Call {
    type Output = Answer;
    type IntoFuture = Pin<Box<dyn Future<Output = Answer> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { self.attempt().await.expect("the node answers") })
    }
}

/// What the API said.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The head.
    pub headers: HeaderMap,
    /// The body.
    pub bytes: Vec<u8>,
}

impl Answer {
    /// The body, after the status was compared.
    #[track_caller]
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.bytes));
        self.json()
    }

    /// The body as JSON; null if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_default()
    }

    /// The only value of a header; empty if it is absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The value of the cookie `name` that the answer sets.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        let cookies = self.headers.get_all("set-cookie").iter().filter_map(|cookie| cookie.to_str().ok());
        let mut pairs = cookies.filter_map(|cookie| cookie.split(';').next()?.split_once('='));
        pairs.find_map(|(known, value)| (known == name).then_some(value))
    }

    /// The problem in short: its status, its code and the first field that it names.
    pub fn problem(&self) -> (u16, String, String) {
        let document = self.json();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        (self.status, text(&document["code"]), text(&document["errors"][0]["field"]))
    }
}

/// Somebody who registered, and is signed in by bearer token.
pub struct Account {
    client: Client,
    /// The user's id.
    pub id: String,
    /// The address to sign in with.
    pub email: String,
    /// What the client presents.
    pub token: String,
}

impl Account {
    pub(crate) async fn register(base: String, name: &str) -> Self {
        let (client, email) = (Client::new(base), format!("{name}@example.com"));
        let new = json!({ "name": name, "email": email, "password": PASSWORD });
        let signed_in = client.post("/reg?transport=bearer").json(&new).await.expect(201);
        let text = |value: &Value| value.as_str().expect("registration answers user and token").to_owned();
        let (id, token) = (text(&signed_in["user"]["id"]), text(&signed_in["token"]));
        Self { client: client.with_token(&token), id, email, token }
    }
}

impl Deref for Account {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}
