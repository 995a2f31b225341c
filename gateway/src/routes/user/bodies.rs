//! What user routes read and write.

use std::borrow::Cow;

use actix_web::{HttpResponseBuilder, cookie::Cookie};
use portico_kernel::UserId;
use portico_session::{ClientInfo, Opened};
use portico_user::{self as user, Email, Name, Password, UpdateAccount};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};
use uuid::Uuid;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::{
    Body, Fields, Invalids, Parse, Timestamp, Transport,
    cookie::{self, Purpose},
    routes::{photo::Photo, session::Session},
    settings::Settings,
};

/// A header for clients without cookies: the device's token, in and out.
pub(crate) const DEVICE_HEADER: &str = "X-Device-Token";

/// A password on its way in; wiped when it is dropped.
#[derive(Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(transparent)]
pub(crate) struct Secret(String);

impl JsonSchema for Secret {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Password".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string", "format": "password", "writeOnly": true, "minLength": 1, "maxLength": Password::MAX_LENGTH,
        })
    }
}

/// A field that may be absent, but not null.
fn given<'de, T: DeserializeOwned, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// Who wants an account.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(example = serde_json::json!({ "name": "Ann", "email": "ann@example.com", "password": "correct horse battery" }))]
pub(crate) struct NewUser {
    /// What people call the user: 1 to 64 characters after trimming.
    #[schemars(length(min = 1, max = 64))]
    name: String,
    /// Where the user signs in from; compared without regard to case.
    #[schemars(extend("format" = "email"), length(max = 254))]
    email: String,
    /// 8 to 128 characters by default, any Unicode, but none of the common ones.
    password: Secret,
}

impl Parse for NewUser {
    type Parsed = (Name, Email, Password);

    fn parse(self) -> Result<Self::Parsed, Invalids> {
        let mut fields = Fields::new();
        let name = fields.take("name", Name::parse(&self.name));
        let email = fields.take("email", Email::parse(&self.email));
        let password = fields.take("password", Password::parse(&self.password.0));
        fields.done(name.zip(email).zip(password).map(|((name, email), password)| (name, email, password)))
    }
}

/// What proves who is signing in.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(example = serde_json::json!({ "email": "ann@example.com", "password": "correct horse battery" }))]
pub(crate) struct Credentials {
    /// The account's address.
    #[schemars(extend("format" = "email"), length(max = 254))]
    email: String,
    /// The account's password.
    password: Secret,
}

impl Parse for Credentials {
    type Parsed = (Email, Password);

    fn parse(self) -> Result<Self::Parsed, Invalids> {
        let mut fields = Fields::new();
        let email = fields.take("email", Email::parse(&self.email));
        let password = fields.take("password", Password::parse(&self.password.0));
        fields.done(email.zip(password))
    }
}

/// What proves that the owner asks.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(example = serde_json::json!({ "password": "correct horse battery" }))]
pub(crate) struct Confirmation {
    /// The account's password.
    password: Secret,
}

impl Parse for Confirmation {
    type Parsed = Password;

    fn parse(self) -> Result<Self::Parsed, Invalids> {
        let mut fields = Fields::new();
        let password = fields.take("password", Password::parse(&self.password.0));
        fields.done(password)
    }
}

/// What shall change. What is absent stays.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(example = serde_json::json!({ "name": "Ann Other" }))]
pub(crate) struct Change {
    /// The new name.
    #[serde(default, deserialize_with = "given")]
    #[schemars(with = "String", length(min = 1, max = 64))]
    name: Option<String>,
    /// The new address; needs the current password and ends all other sessions.
    #[serde(default, deserialize_with = "given")]
    #[schemars(with = "String", extend("format" = "email"), length(max = 254))]
    email: Option<String>,
    /// The new password; needs the current one and ends all other sessions.
    #[serde(default, deserialize_with = "given")]
    #[schemars(with = "Secret")]
    new_password: Option<Secret>,
    /// The account's password until now.
    #[serde(default, deserialize_with = "given")]
    #[schemars(with = "Secret")]
    current_password: Option<Secret>,
}

/// A change in the domain's terms.
pub(crate) struct Changed {
    name: Option<Name>,
    email: Option<Email>,
    new_password: Option<Password>,
    pub(crate) current_password: Option<Password>,
}

impl Changed {
    /// The domain's message for it.
    pub(crate) fn into_message(self, user: UserId, client: ClientInfo) -> UpdateAccount {
        let Self { name, email, new_password, current_password } = self;
        UpdateAccount { user, name, email, new_password, current_password, client }
    }
}

impl Parse for Change {
    type Parsed = Changed;

    fn parse(self) -> Result<Changed, Invalids> {
        let mut fields = Fields::new();
        let changed = Changed {
            name: fields.optional("name", self.name.as_deref(), Name::parse),
            email: fields.optional("email", self.email.as_deref(), Email::parse),
            new_password: fields.optional("new_password", self.new_password, |new| Password::parse(&new.0)),
            current_password: fields.optional("current_password", self.current_password, |now| Password::parse(&now.0)),
        };
        fields.done(Some(changed))
    }
}

/// How the session's token shall travel.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct As {
    /// `bearer` answers `token` in the body and sets no cookie.
    #[serde(default)]
    #[schemars(with = "Transport")]
    transport: Option<Transport>,
}

impl Parse for As {
    type Parsed = Transport;

    fn parse(self) -> Result<Transport, Invalids> {
        Ok(self.transport.unwrap_or(Transport::Cookie))
    }
}

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
