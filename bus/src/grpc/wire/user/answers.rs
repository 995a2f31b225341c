//! What the user domain answers.

use portico_kernel::{FieldError, Invalid, UserId};
use portico_user::{Email, Imported, Name, Password, SignedIn, Updated, User};

use crate::grpc::{
    proto::user::v1::{self as wire, ImportRefusal, imported_account::Outcome},
    wire::{
        Answer, Form,
        parts::{id, parsed, read_time, required, write_time},
    },
};

impl Form for User {
    type Wire = wire::User;

    fn write(self) -> Self::Wire {
        wire::User {
            id: self.id.to_string(),
            name: self.name.as_str().to_owned(),
            email: self.email.as_str().to_owned(),
            created_at: Some(write_time(self.created_at)),
            updated_at: Some(write_time(self.updated_at)),
            version: self.version,
        }
    }

    fn read(wire: Self::Wire) -> Result<Self, FieldError> {
        Ok(Self {
            id: id(&wire.id, "user.id")?,
            name: parsed(wire.name, Name::parse, "user.name")?,
            email: parsed(wire.email, Email::parse, "user.email")?,
            created_at: read_time(wire.created_at, "user.created_at")?,
            updated_at: read_time(wire.updated_at, "user.updated_at")?,
            version: wire.version,
        })
    }
}

impl Form for SignedIn {
    type Wire = wire::SignedIn;

    fn write(self) -> Self::Wire {
        wire::SignedIn { user: Some(self.user.write()), opened: Some(self.opened.write()) }
    }

    fn read(wire: Self::Wire) -> Result<Self, FieldError> {
        Ok(Self { user: required(wire.user, "user")?, opened: required(wire.opened, "opened")? })
    }
}

impl Answer<Updated> for wire::UpdateAccountResponse {
    fn write(updated: Updated) -> Self {
        Self { user: Some(updated.user.write()), rotated: updated.rotated.map(Form::write) }
    }

    fn read(self) -> Result<Updated, FieldError> {
        Ok(Updated { user: required(self.user, "user")?, rotated: self.rotated.map(Form::read).transpose()? })
    }
}

impl Answer<Password> for wire::ResetPasswordResponse {
    fn write(password: Password) -> Self {
        Self { password: password.as_typed().to_owned() }
    }

    fn read(self) -> Result<Password, FieldError> {
        parsed(self.password, Password::parse, "password")
    }
}

impl Answer<UserId> for wire::SignOutResponse {
    fn write(user: UserId) -> Self {
        Self { user_id: user.to_string() }
    }

    fn read(self) -> Result<UserId, FieldError> {
        id(&self.user_id, "user_id")
    }
}

impl Answer<Vec<Imported>> for wire::ImportUsersResponse {
    fn write(imported: Vec<Imported>) -> Self {
        Self { users: imported.into_iter().map(Form::write).collect() }
    }

    fn read(self) -> Result<Vec<Imported>, FieldError> {
        self.users.into_iter().map(Form::read).collect()
    }
}

impl Form for Imported {
    type Wire = wire::ImportedAccount;

    fn write(self) -> Self::Wire {
        let outcome = match self {
            Self::Opened(user) => Outcome::OpenedUserId(user.to_string()),
            Self::EmailTaken => Outcome::Refusal(ImportRefusal::EmailTaken.into()),
        };
        wire::ImportedAccount { outcome: Some(outcome) }
    }

    fn read(wire: Self::Wire) -> Result<Self, FieldError> {
        match wire.outcome {
            Some(Outcome::OpenedUserId(user)) => id(&user, "users.opened_user_id").map(Self::Opened),
            Some(Outcome::Refusal(refusal)) if refusal == i32::from(ImportRefusal::EmailTaken) => Ok(Self::EmailTaken),
            _ => Err(Invalid::new("malformed", "must be a known outcome").of("users.outcome")),
        }
    }
}
