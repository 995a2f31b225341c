//! The tables of the session database.

#![expect(unreachable_pub, reason = "what SeaORM derives is public, and needs public models")]

use std::net::IpAddr;

use portico_kernel::StoreError;
use portico_session::{ClientInfo, Session, TokenHash};
use sea_orm::ActiveValue::Set;

use crate::moment::{from_nanos, to_nanos};

/// Sessions.
pub(super) mod session {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "sessions")]
    pub struct Model {
        /// SHA-256 of the token: it opens nothing.
        #[sea_orm(primary_key, auto_increment = false)]
        pub token_hash: Vec<u8>,
        #[sea_orm(unique)]
        pub id: Uuid,
        pub user_id: Uuid,
        pub epoch: i64,
        pub created_at: i64,
        pub last_seen_at: i64,
        pub expires_at: i64,
        pub user_agent: Option<String>,
        pub address: Option<String>,
    }

    impl ActiveModelBehavior for ActiveModel {}

    /// A row holds personal data and a token's hash: it names itself by its id alone.
    impl std::fmt::Debug for Model {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.debug_struct("sessions::Model").field("id", &self.id).finish_non_exhaustive()
        }
    }

    impl std::fmt::Debug for ModelEx {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.debug_struct("sessions::ModelEx").field("id", &self.id).finish_non_exhaustive()
        }
    }
}

/// Each user's least epoch; a row stays for ever, so that a late sign-in stays refused.
pub(super) mod epoch {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "epochs")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub user_id: Uuid,
        pub least: i64,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

impl session::Model {
    /// # Errors
    /// `Broken` when the row holds what no session can.
    pub(super) fn into_session(self) -> Result<Session, StoreError> {
        let address = self.address.map(|text| text.parse::<IpAddr>()).transpose();
        Ok(Session {
            id: self.id.into(),
            user: self.user_id.into(),
            epoch: self.epoch,
            created_at: from_nanos(self.created_at),
            last_seen_at: from_nanos(self.last_seen_at),
            expires_at: from_nanos(self.expires_at),
            client: ClientInfo {
                user_agent: self.user_agent,
                address: address.map_err(|error| StoreError::Broken(error.into()))?,
            },
        })
    }
}

impl session::ActiveModel {
    pub(super) fn of(session: &Session, hash: TokenHash) -> Self {
        Self {
            token_hash: Set(hash.0.to_vec()),
            id: Set(session.id.uuid()),
            user_id: Set(session.user.uuid()),
            epoch: Set(session.epoch),
            created_at: Set(to_nanos(session.created_at)),
            last_seen_at: Set(to_nanos(session.last_seen_at)),
            expires_at: Set(to_nanos(session.expires_at)),
            user_agent: Set(session.client.user_agent.clone()),
            address: Set(session.client.address.map(|address| address.to_string())),
        }
    }
}
