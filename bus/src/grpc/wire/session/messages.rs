//! What is asked of the session domain, and what it answers.

use portico_kernel::FieldError;
use portico_session::{
    ApplyUserEvent, Create, Delete, DeleteOthers, EnsureRevocable, List, Live, RaiseEpoch, Rotate, Session, Validate,
};

use super::values::{read_client, token};
use crate::grpc::{
    proto::session::v1::{
        ApplyUserEventRequest, CreateSessionRequest, DeleteOtherSessionsRequest, DeleteSessionRequest,
        EnsureRevocableRequest, ListSessionsRequest, ListSessionsResponse, RaiseEpochRequest, RotateSessionRequest,
        ValidateSessionRequest, ValidateSessionResponse,
    },
    wire::{
        Answer, Form,
        parts::{id, read_event, write_event},
    },
};

impl Form for Create {
    type Wire = CreateSessionRequest;

    fn write(self) -> Self::Wire {
        CreateSessionRequest { user_id: self.user.to_string(), epoch: self.epoch, client: Some(self.client.write()) }
    }

    fn read(wire: Self::Wire) -> Result<Self, FieldError> {
        Ok(Self { user: id(&wire.user_id, "user_id")?, epoch: wire.epoch, client: read_client(wire.client)? })
    }
}

impl Form for Validate {
    type Wire = ValidateSessionRequest;

    fn write(self) -> Self::Wire {
        ValidateSessionRequest { token: self.token.expose() }
    }

    fn read(wire: Self::Wire) -> Result<Self, FieldError> {
        Ok(Self { token: token(wire.token)? })
    }
}

impl Answer<Live> for ValidateSessionResponse {
    fn write(live: Live) -> Self {
        Self { session_id: live.id.to_string(), user_id: live.user.to_string() }
    }

    fn read(self) -> Result<Live, FieldError> {
        Ok(Live { id: id(&self.session_id, "session_id")?, user: id(&self.user_id, "user_id")? })
    }
}

impl Form for Delete {
    type Wire = DeleteSessionRequest;

    fn write(self) -> Self::Wire {
        DeleteSessionRequest { user_id: self.user.to_string(), session_id: self.session.to_string() }
    }

    fn read(wire: Self::Wire) -> Result<Self, FieldError> {
        Ok(Self { user: id(&wire.user_id, "user_id")?, session: id(&wire.session_id, "session_id")? })
    }
}

impl Form for List {
    type Wire = ListSessionsRequest;

    fn write(self) -> Self::Wire {
        ListSessionsRequest { user_id: self.user.to_string() }
    }

    fn read(wire: Self::Wire) -> Result<Self, FieldError> {
        Ok(Self { user: id(&wire.user_id, "user_id")? })
    }
}

impl Answer<Vec<Session>> for ListSessionsResponse {
    fn write(sessions: Vec<Session>) -> Self {
        Self { sessions: sessions.into_iter().map(Form::write).collect() }
    }

    fn read(self) -> Result<Vec<Session>, FieldError> {
        self.sessions.into_iter().map(Form::read).collect()
    }
}

impl Form for DeleteOthers {
    type Wire = DeleteOtherSessionsRequest;

    fn write(self) -> Self::Wire {
        DeleteOtherSessionsRequest { user_id: self.user.to_string(), keep_session_id: self.keep.to_string() }
    }

    fn read(wire: Self::Wire) -> Result<Self, FieldError> {
        Ok(Self { user: id(&wire.user_id, "user_id")?, keep: id(&wire.keep_session_id, "keep_session_id")? })
    }
}

impl Form for EnsureRevocable {
    type Wire = EnsureRevocableRequest;

    fn write(self) -> Self::Wire {
        EnsureRevocableRequest { user_id: self.user.to_string() }
    }

    fn read(wire: Self::Wire) -> Result<Self, FieldError> {
        Ok(Self { user: id(&wire.user_id, "user_id")? })
    }
}

impl Form for RaiseEpoch {
    type Wire = RaiseEpochRequest;

    fn write(self) -> Self::Wire {
        RaiseEpochRequest { user_id: self.user.to_string(), epoch: self.epoch }
    }

    fn read(wire: Self::Wire) -> Result<Self, FieldError> {
        Ok(Self { user: id(&wire.user_id, "user_id")?, epoch: wire.epoch })
    }
}

impl Form for Rotate {
    type Wire = RotateSessionRequest;

    fn write(self) -> Self::Wire {
        RotateSessionRequest { user_id: self.user.to_string(), epoch: self.epoch, client: Some(self.client.write()) }
    }

    fn read(wire: Self::Wire) -> Result<Self, FieldError> {
        Ok(Self { user: id(&wire.user_id, "user_id")?, epoch: wire.epoch, client: read_client(wire.client)? })
    }
}

impl Form for ApplyUserEvent {
    type Wire = ApplyUserEventRequest;

    fn write(self) -> Self::Wire {
        ApplyUserEventRequest { event: write_event(&self.0) }
    }

    fn read(wire: Self::Wire) -> Result<Self, FieldError> {
        read_event(&wire.event).map(Self)
    }
}
