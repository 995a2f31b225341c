//! What the user domain answers.

use portico_kernel::FieldError;
use portico_user::{Email, Name, SignedIn, Updated, User};

use crate::grpc::{
    proto::user::v1 as wire,
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
