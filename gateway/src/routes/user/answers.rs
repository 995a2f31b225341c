//! What user routes write.

use actix_web::{HttpResponseBuilder, cookie::Cookie};
use aide::openapi::Response;
use portico_session::Opened;
use portico_user as user;
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use crate::{
    Body, Timestamp, Transport, answer_header,
    cookie::{self, Purpose},
    routes::{photo::Photo, session::Session},
    settings::Settings,
};

/// A header for clients without cookies: the device's token, in and out.
pub(crate) const DEVICE_HEADER: &str = "X-Device-Token";

/// A user as its owner sees it.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(example = serde_json::json!({
    "id": "0197f000-0000-7000-8000-000000000001",
    "name": "Ann",
    "email": "ann@example.com",
    "created_at": "2026-01-02T03:04:05Z",
    "updated_at": "2026-01-02T03:04:05Z",
}))]
pub(crate) struct User {
    id: Uuid,
    name: String,
    #[schemars(extend("format" = "email"))]
    email: String,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<&user::User> for User {
    fn from(user: &user::User) -> Self {
        Self {
            id: user.id.uuid(),
            name: user.name.as_str().to_owned(),
            email: user.email.as_str().to_owned(),
            created_at: Timestamp(user.created_at),
            updated_at: Timestamp(user.updated_at),
        }
    }
}

/// A user that just signed in.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "SignedIn")]
pub(crate) struct Welcome {
    user: User,
    session: Session,
    /// What opens the session, for clients without cookies.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    token: Option<String>,
    #[serde(skip)]
    cookies: Vec<Cookie<'static>>,
    #[serde(skip)]
    device: Option<String>,
}

impl Welcome {
    /// Hands the session over by `transport`.
    pub(crate) fn new(settings: &Settings, user: &user::User, opened: &Opened, transport: Transport) -> Self {
        let token = opened.token.expose();
        let (token, cookies) = match transport {
            Transport::Bearer => (Some(token), Vec::new()),
            Transport::Cookie => (None, vec![cookie::set(settings, Purpose::Session, token)]),
        };
        let session = Session::new(&opened.session, opened.session.id);
        Self { user: user.into(), session, token, cookies, device: None }
    }

    /// Hands over, by the same transport, what the device is known by from now on.
    #[must_use]
    pub(crate) fn device(mut self, settings: &Settings, value: String) -> Self {
        if self.token.is_some() {
            self.device = Some(value);
        } else {
            self.cookies.push(cookie::set(settings, Purpose::Device, value));
        }
        self
    }
}

impl Body for Welcome {
    fn location(&self) -> Option<String> {
        Some("/me".into())
    }

    fn dress(&self, answer: &mut HttpResponseBuilder) {
        for cookie in &self.cookies {
            answer.cookie(cookie.clone());
        }
        if let Some(device) = &self.device {
            answer.insert_header((DEVICE_HEADER, device.as_str()));
        }
    }

    fn describe_headers(answer: &mut Response) {
        let cookies = "By default: the session's cookie and the device's.";
        let device =
            "With `?transport=bearer`: what this device is known by from now on. Send it along at the next sign-in.";
        for (name, text) in [("Set-Cookie", cookies), (DEVICE_HEADER, device)] {
            answer.headers.insert(name.into(), answer_header(text));
        }
    }
}

/// The user alone, or with the session that replaces the current one.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "Updated")]
pub(crate) enum Updated {
    /// The address or the password changed: the session was rotated.
    Rotated(Box<Welcome>),
    /// Only the name changed.
    User(User),
}

impl Body for Updated {
    fn dress(&self, answer: &mut HttpResponseBuilder) {
        if let Self::Rotated(welcome) = self {
            welcome.dress(answer);
        }
    }

    fn describe_headers(answer: &mut Response) {
        Welcome::describe_headers(answer);
    }
}

/// A user with its photos at a glance.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Me {
    #[serde(flatten)]
    pub(crate) user: User,
    pub(crate) photo_count: u64,
    /// The latest ten, latest first.
    pub(crate) photos: Vec<Photo>,
}

impl Body for Me {}

/// A user as other users see it: never with the address.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(example = serde_json::json!({
    "id": "0197f000-0000-7000-8000-000000000001",
    "name": "Ann",
    "created_at": "2026-01-02T03:04:05Z",
    "photo_count": 12,
}))]
pub(crate) struct Profile {
    id: Uuid,
    name: String,
    created_at: Timestamp,
    photo_count: u64,
}

impl Profile {
    /// What is public of `user`.
    pub(crate) fn new(user: &user::User, photo_count: u64) -> Self {
        let (id, name) = (user.id.uuid(), user.name.as_str().to_owned());
        Self { id, name, created_at: Timestamp(user.created_at), photo_count }
    }
}

impl Body for Profile {}
