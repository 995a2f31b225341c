//! The tables of the user database.

#![expect(unreachable_pub, reason = "what SeaORM derives is public, and needs public models")]

use portico_kernel::{Idempotency, Invalid, StoreError, UserId};
use portico_user::{Account, Email, Name, OneTime, PasswordHash, Remembered, User};
use sea_orm::ActiveValue::Set;

use crate::moment::{from_nanos, to_nanos};

/// Accounts.
pub(super) mod user {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "users")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub name: String,
        /// As its owner wrote it.
        pub email: String,
        /// As it is compared.
        #[sea_orm(unique)]
        pub email_key: String,
        /// A hash, never a password.
        pub password: String,
        /// Until when the password signs in, if an operator gave it.
        pub one_time_expires_at: Option<i64>,
        /// When such a password has signed in.
        pub one_time_used_at: Option<i64>,
        pub epoch: i64,
        pub version: i64,
        pub created_at: i64,
        pub updated_at: i64,
    }

    impl ActiveModelBehavior for ActiveModel {}

    /// A row holds personal data and a hash: it names itself by its id alone.
    impl std::fmt::Debug for Model {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.debug_struct("users::Model").field("id", &self.id).finish_non_exhaustive()
        }
    }

    impl std::fmt::Debug for ModelEx {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.debug_struct("users::ModelEx").field("id", &self.id).finish_non_exhaustive()
        }
    }
}

/// The registrations that were made under an idempotency key.
pub(super) mod idempotency_key {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "idempotency_keys")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub key: String,
        pub user_id: Uuid,
        pub fingerprint: Vec<u8>,
        pub created_at: i64,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// Events that were committed and not yet confirmed.
pub(super) mod outbox {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "outbox")]
    pub struct Model {
        /// The order of commits; see `positions`.
        #[sea_orm(primary_key)]
        pub position: i64,
        #[sea_orm(unique)]
        pub id: Uuid,
        /// CloudEvents JSON, whole.
        pub event: String,
        /// What must not be lost with that text: what happened, to whom, and what it made of them. A row of the first
        /// version has none of it.
        pub kind: Option<String>,
        pub user_id: Option<Uuid>,
        pub version: Option<i64>,
        pub epoch: Option<i64>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// Events that no consumer could understand, for an operator to look at.
pub(super) mod set_aside {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "set_aside")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub event: String,
        pub reason: String,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

impl user::Model {
    /// # Errors
    /// `Broken` when the row holds what no account can.
    pub(super) fn into_account(self) -> Result<Account, StoreError> {
        let broken = |error: Invalid| StoreError::Broken(error.into());
        let user = User {
            id: UserId::from(self.id),
            name: Name::parse(&self.name).map_err(broken)?,
            email: Email::parse(&self.email).map_err(broken)?,
            created_at: from_nanos(self.created_at),
            updated_at: from_nanos(self.updated_at),
            version: self.version,
        };
        let one_time = self.one_time_expires_at.map(|expires_at| OneTime {
            expires_at: from_nanos(expires_at),
            used_at: self.one_time_used_at.map(from_nanos),
        });
        Ok(Account { user, password: PasswordHash::new(self.password), one_time, epoch: self.epoch })
    }
}

impl From<&Account> for user::ActiveModel {
    fn from(Account { user, password, one_time, epoch }: &Account) -> Self {
        let used_at = one_time.and_then(|one_time| one_time.used_at);
        Self {
            id: Set(user.id.uuid()),
            name: Set(user.name.as_str().to_owned()),
            email: Set(user.email.as_str().to_owned()),
            email_key: Set(user.email.key()),
            password: Set(password.expose().to_owned()),
            one_time_expires_at: Set(one_time.map(|one_time| to_nanos(one_time.expires_at))),
            one_time_used_at: Set(used_at.map(to_nanos)),
            epoch: Set(*epoch),
            version: Set(user.version),
            created_at: Set(to_nanos(user.created_at)),
            updated_at: Set(to_nanos(user.updated_at)),
        }
    }
}

impl idempotency_key::Model {
    /// # Errors
    /// `Broken` when the fingerprint is none.
    pub(super) fn into_remembered(self) -> Result<Remembered, StoreError> {
        let not_one = |_| StoreError::Broken("a fingerprint has 32 bytes".into());
        let fingerprint = self.fingerprint.try_into().map_err(not_one)?;
        Ok(Remembered { user: self.user_id.into(), fingerprint })
    }
}

impl idempotency_key::ActiveModel {
    /// The key under which `account` was opened.
    pub(super) fn of(account: &Account, idempotency: &Idempotency) -> Self {
        Self {
            key: Set(idempotency.key.as_str().to_owned()),
            user_id: Set(account.user.id.uuid()),
            fingerprint: Set(idempotency.fingerprint.to_vec()),
            created_at: Set(to_nanos(account.user.created_at)),
        }
    }
}
