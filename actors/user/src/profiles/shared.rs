//! The port behind which nodes share the profiles that they read.

use async_trait::async_trait;
use portico_kernel::UserId;

use crate::User;

/// Keeps what nodes read of users for a while, and of a user nothing that is older than what was [published](Self::publish).
///
/// Nobody depends on it: where it cannot be asked it knows nothing, at once, and tells its operator by itself.
#[async_trait]
pub trait SharedProfiles: Send + Sync + 'static {
    /// What is known of a user. Whoever watches is told when that changes.
    async fn get(&self, id: UserId) -> Option<Profile>;

    /// Keeps a user as the store had it, unless something newer is known.
    async fn fill(&self, user: &User);

    /// Has nobody be told of anything older from now on. Where that cannot be done yet, this node knows nothing of the user
    /// until it is.
    async fn publish(&self, profile: Profile);
}

/// What is known of a user at a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Profile {
    /// The user itself.
    User(User),
    /// That the account was deleted, as the change to this version.
    Deleted(UserId, i64),
    /// That it changed to this version, or may have; how it is now must be read from the store.
    Changed(UserId, i64),
}

impl Profile {
    /// Whose it is.
    pub fn id(&self) -> UserId {
        match self {
            Self::User(user) => user.id,
            Self::Deleted(id, _) | Self::Changed(id, _) => *id,
        }
    }

    /// Of which version.
    pub fn version(&self) -> i64 {
        match self {
            Self::User(user) => user.version,
            Self::Deleted(_, version) | Self::Changed(_, version) => *version,
        }
    }
}
