//! What user routes read.

use std::borrow::Cow;

use portico_kernel::UserId;
use portico_session::ClientInfo;
use portico_user::{Email, Name, Password, UpdateAccount};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::{Fields, Invalids, Parse, Transport};

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
    #[schemars(with = "Named")]
    transport: Option<Named>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum Named {
    Bearer,
}

impl Parse for As {
    type Parsed = Transport;

    fn parse(self) -> Result<Transport, Invalids> {
        Ok(match self.transport {
            Some(Named::Bearer) => Transport::Bearer,
            None => Transport::Cookie,
        })
    }
}
