//! Sessions, tokens, and where sessions are opened from.

use portico_kernel::{FieldError, Invalid};
use portico_session::{ClientInfo, Opened, Session, Token};

use crate::grpc::{
    proto::session::v1 as wire,
    wire::{
        Form,
        parts::{id, parsed, read_time, required, write_time},
    },
};

/// Reads a token, whose text is wiped.
pub(super) fn token(text: String) -> Result<Token, FieldError> {
    let malformed = |_| Invalid::new("malformed", "must be a session token");
    parsed(text, |text| Token::parse(text).map_err(malformed), "token")
}

/// Reads where a session is opened from; nothing is known of one that does not say it.
pub(in crate::grpc::wire) fn read_client(wire: Option<wire::ClientInfo>) -> Result<ClientInfo, FieldError> {
    wire.map_or_else(|| Ok(ClientInfo::default()), Form::read)
}

impl Form for ClientInfo {
    type Wire = wire::ClientInfo;

    fn write(self) -> Self::Wire {
        wire::ClientInfo { user_agent: self.user_agent, address: self.address.map(|address| address.to_string()) }
    }

    fn read(wire: Self::Wire) -> Result<Self, FieldError> {
        let malformed = |_| Invalid::new("malformed", "must be an IP address").of("client.address");
        let address = wire.address.map(|address| address.parse().map_err(malformed)).transpose()?;
        if wire.user_agent.as_ref().is_some_and(|agent| agent.chars().count() > Self::USER_AGENT_MAX) {
            return Err(Invalid::new("too_long", "must be at most 256 characters long").of("client.user_agent"));
        }
        Ok(Self { user_agent: wire.user_agent, address })
    }
}

impl Form for Session {
    type Wire = wire::Session;

    fn write(self) -> Self::Wire {
        wire::Session {
            id: self.id.to_string(),
            user_id: self.user.to_string(),
            epoch: self.epoch,
            created_at: Some(write_time(self.created_at)),
            last_seen_at: Some(write_time(self.last_seen_at)),
            expires_at: Some(write_time(self.expires_at)),
            client: Some(self.client.write()),
        }
    }

    fn read(wire: Self::Wire) -> Result<Self, FieldError> {
        Ok(Self {
            id: id(&wire.id, "session.id")?,
            user: id(&wire.user_id, "session.user_id")?,
            epoch: wire.epoch,
            created_at: read_time(wire.created_at, "session.created_at")?,
            last_seen_at: read_time(wire.last_seen_at, "session.last_seen_at")?,
            expires_at: read_time(wire.expires_at, "session.expires_at")?,
            client: read_client(wire.client)?,
        })
    }
}

impl Form for Opened {
    type Wire = wire::OpenedSession;

    fn write(self) -> Self::Wire {
        wire::OpenedSession { session: Some(self.session.write()), token: self.token.expose() }
    }

    fn read(wire: Self::Wire) -> Result<Self, FieldError> {
        Ok(Self { session: required(wire.session, "session")?, token: token(wire.token)? })
    }
}
