//! What clients can do with an account, one thing at a time.

use super::{
    journal::{Account, Pending, Upload},
    wire::{Unknown, Wire},
};

/// Past this many photos an account gets no more.
const PHOTOS_MAX: usize = 4;

/// What can be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Turn {
    Register,
    Look,
    Upload,
    Verify,
    SignIn,
    Read,
    Rename,
    SignOut,
    DeletePhoto,
    Delete,
}

impl Turn {
    /// One of each but for changes of names, which servers take as they take registrations.
    pub(super) const EACH: [Self; 9] = [
        Self::Register,
        Self::Look,
        Self::Upload,
        Self::Verify,
        Self::SignIn,
        Self::Read,
        Self::SignOut,
        Self::DeletePhoto,
        Self::Delete,
    ];

    /// All of them, as people do: they look more often than they change something.
    pub(super) const USUAL: [Self; 21] = [
        Self::Verify,
        Self::Register,
        Self::Look,
        Self::Verify,
        Self::Upload,
        Self::Read,
        Self::Verify,
        Self::SignIn,
        Self::Look,
        Self::Read,
        Self::Verify,
        Self::Rename,
        Self::Look,
        Self::Verify,
        Self::SignOut,
        Self::Read,
        Self::Verify,
        Self::DeletePhoto,
        Self::Look,
        Self::Read,
        Self::Delete,
    ];

    /// Whether it can be done with an account.
    pub(super) fn fits(self, account: &Account) -> bool {
        let known = !matches!(account.pending, Some(Pending::Register { .. } | Pending::DeleteAccount));
        let (settled, sessions, photos) = (account.pending.is_none(), account.sessions.len(), account.photos.len());
        match self {
            Self::Register => false,
            Self::SignIn => settled,
            Self::Look => known && sessions > 0 && !matches!(account.pending, Some(Pending::Rename)),
            Self::Verify => known && sessions > 0,
            Self::Read => known && sessions > 0 && photos > 0,
            Self::Upload => settled && sessions > 0 && photos < PHOTOS_MAX,
            Self::SignOut => settled && sessions > 1,
            Self::DeletePhoto => settled && sessions > 0 && photos > 0,
            Self::Rename | Self::Delete => settled && sessions > 0,
        }
    }

    /// Does it, and gives the account back.
    pub(super) async fn take(self, mut account: Account, wire: Wire, mut random: fastrand::Rng) -> Account {
        account.touched = true;
        let _pending_then = self.act(&mut account, &wire, &mut random).await;
        account
    }

    /// Does it, and says whether there was an answer that tells what is so.
    pub(super) async fn act(
        self,
        account: &mut Account,
        wire: &Wire,
        random: &mut fastrand::Rng,
    ) -> Result<(), Unknown> {
        let (session, photo) = (random.choice(&account.sessions).cloned(), random.choice(&account.photos).cloned());
        let by = session.as_ref().map(|session| session.token.clone()).unwrap_or_default();
        match (self, session, photo) {
            (Self::Register, ..) => account.register(wire, key(random, "reg")).await,
            (Self::Look, ..) => account.look(wire, &by).await,
            (Self::Verify, ..) => account.verify(wire, &by).await,
            (Self::SignIn, ..) => account.sign_in(wire).await,
            (Self::Upload, ..) => {
                let upload = Upload { seed: random.u64(..), key: key(random, "upload") };
                account.upload(wire, &by, upload).await
            }
            (Self::Rename, ..) => account.rename(wire, &by, format!("Somebody {}", random.u32(..))).await,
            (Self::Read, _, Some(photo)) => account.read(wire, &by, &photo).await,
            (Self::SignOut, Some(session), _) => account.logout(wire, session).await,
            (Self::DeletePhoto, _, Some(photo)) => account.remove_photo(wire, &by, photo).await,
            (Self::Delete, ..) => account.remove(wire, &by).await,
            (Self::Read | Self::SignOut | Self::DeletePhoto, ..) => Ok(()), // `fits` keeps it from coming to this
        }
    }
}

/// Half of what can be repeated under a key has one.
fn key(random: &mut fastrand::Rng, what: &str) -> Option<String> {
    random.bool().then(|| format!("{what}-{:x}", random.u64(..)))
}
