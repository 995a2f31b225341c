//! What is asked of the user domain.

use portico_kernel::{FieldError, Idempotency, IdempotencyKey, Invalid};
use portico_user::{Authenticate, DeleteAccount, Email, GetUser, Name, Password, Register, UpdateAccount};

use crate::grpc::{
    proto::user::v1 as wire,
    wire::{
        Form,
        parts::{id, parsed},
        session::values::read_client,
    },
};

impl Form for Register {
    type Wire = wire::RegisterAndLoginRequest;

    fn write(self) -> Self::Wire {
        wire::RegisterAndLoginRequest {
            name: self.name.as_str().to_owned(),
            email: self.email.as_str().to_owned(),
            password: self.password.as_typed().to_owned(),
            client: Some(self.client.write()),
            idempotency: self.idempotency.map(Form::write),
        }
    }

    fn read(wire: Self::Wire) -> Result<Self, FieldError> {
        Ok(Self {
            name: parsed(wire.name, Name::parse, "name")?,
            email: parsed(wire.email, Email::parse, "email")?,
            password: parsed(wire.password, Password::parse, "password")?,
            client: read_client(wire.client)?,
            idempotency: wire.idempotency.map(Form::read).transpose()?,
        })
    }
}

impl Form for Idempotency {
    type Wire = wire::Idempotency;

    fn write(self) -> Self::Wire {
        wire::Idempotency { key: self.key.as_str().to_owned(), fingerprint: self.fingerprint.to_vec() }
    }

    fn read(wire: Self::Wire) -> Result<Self, FieldError> {
        let malformed = |_| Invalid::new("malformed", "must be 32 bytes").of("idempotency.fingerprint");
        Ok(Self {
            key: parsed(wire.key, IdempotencyKey::parse, "idempotency.key")?,
            fingerprint: wire.fingerprint.try_into().map_err(malformed)?,
        })
    }
}

impl Form for Authenticate {
    type Wire = wire::AuthenticateAndLoginRequest;

    fn write(self) -> Self::Wire {
        wire::AuthenticateAndLoginRequest {
            email: self.email.as_str().to_owned(),
            password: self.password.as_typed().to_owned(),
            client: Some(self.client.write()),
        }
    }

    fn read(wire: Self::Wire) -> Result<Self, FieldError> {
        Ok(Self {
            email: parsed(wire.email, Email::parse, "email")?,
            password: parsed(wire.password, Password::parse, "password")?,
            client: read_client(wire.client)?,
        })
    }
}

impl Form for DeleteAccount {
    type Wire = wire::DeleteAccountRequest;

    fn write(self) -> Self::Wire {
        wire::DeleteAccountRequest { user_id: self.user.to_string(), password: self.password.as_typed().to_owned() }
    }

    fn read(wire: Self::Wire) -> Result<Self, FieldError> {
        let password = parsed(wire.password, Password::parse, "password")?;
        Ok(Self { user: id(&wire.user_id, "user_id")?, password })
    }
}

impl Form for UpdateAccount {
    type Wire = wire::UpdateAccountRequest;

    fn write(self) -> Self::Wire {
        wire::UpdateAccountRequest {
            user_id: self.user.to_string(),
            name: self.name.map(|name| name.as_str().to_owned()),
            email: self.email.map(|email| email.as_str().to_owned()),
            new_password: self.new_password.map(|password| password.as_typed().to_owned()),
            current_password: self.current_password.map(|password| password.as_typed().to_owned()),
            client: Some(self.client.write()),
        }
    }

    fn read(wire: Self::Wire) -> Result<Self, FieldError> {
        let password = |field| move |text| parsed(text, Password::parse, field);
        Ok(Self {
            user: id(&wire.user_id, "user_id")?,
            name: wire.name.map(|name| parsed(name, Name::parse, "name")).transpose()?,
            email: wire.email.map(|email| parsed(email, Email::parse, "email")).transpose()?,
            new_password: wire.new_password.map(password("new_password")).transpose()?,
            current_password: wire.current_password.map(password("current_password")).transpose()?,
            client: read_client(wire.client)?,
        })
    }
}

impl Form for GetUser {
    type Wire = wire::GetUserRequest;

    fn write(self) -> Self::Wire {
        wire::GetUserRequest { user_id: self.id.to_string() }
    }

    fn read(wire: Self::Wire) -> Result<Self, FieldError> {
        Ok(Self { id: id(&wire.user_id, "user_id")? })
    }
}
