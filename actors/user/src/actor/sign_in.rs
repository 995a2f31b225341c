//! Signing in: the password decides, and a session follows under the credentials that it was verified against.
//!
//! Invariant: a one-time password signs in once. Whoever first writes that down has the session, and no other sign-in with
//! it is answered differently from one with a wrong password.

use std::future::Future;

use portico_kernel::StoreError;
use portico_session::{self as session, ClientInfo};

use super::{ATTEMPTS_MAX, Ports};
use crate::{Account, Authenticate, Changed, Error, OneTime, Password, SignedIn, Verdict, updated};

impl Ports {
    pub(super) async fn authenticate(&self, authenticate: Authenticate) -> Result<SignedIn, Error> {
        let Authenticate { email, password, client } = authenticate;
        self.sign_in(&password, client, || self.store.find_by_email(&email)).await
    }

    /// Signs the owner of the account in that `find` finds. Credentials that change meanwhile are read again, so that
    /// no session is opened under a password that is no longer right.
    pub(super) async fn sign_in<F>(
        &self,
        password: &Password,
        client: ClientInfo,
        find: impl Fn() -> F,
    ) -> Result<SignedIn, Error>
    where
        F: Future<Output = Result<Option<Account>, StoreError>>,
    {
        for _ in 0..ATTEMPTS_MAX {
            let account = find().await?;
            // Without an account it is verified all the same: who is unknown must not answer sooner.
            let verdict = self.hasher.verify(password, account.as_ref().map(|account| &account.password)).await?;
            let (Some(account), Verdict::Right | Verdict::RightButDated) = (&account, verdict) else {
                return Err(refused(account.as_ref(), "it is wrong"));
            };
            if account.one_time.is_some_and(|one_time| !one_time.signs_in(self.clock.now())) {
                return Err(refused(Some(account), "it was a one-time password, which is used or expired"));
            }
            match self.open_session(account, client.clone()).await {
                Err(Error::Session(session::Error::Stale)) => {}
                Ok(signed_in) if account.one_time.is_some() && !self.use_up(account, &signed_in).await? => {}
                answer => {
                    if verdict == Verdict::RightButDated {
                        self.upgrade(account, password).await;
                    }
                    return answer;
                }
            }
        }
        Err(Error::Session(session::Error::Stale))
    }

    pub(super) async fn open_session(&self, account: &Account, client: ClientInfo) -> Result<SignedIn, Error> {
        let create = session::Create { user: account.user.id, epoch: account.epoch, client };
        let opened = self.create.ask(create).await?;
        Ok(SignedIn { user: account.user.clone(), opened })
    }

    /// Writes down that the one-time password of `account` has signed in. False when the account changed meanwhile, such as
    /// by another sign-in with it; the session then ends, as it does when nothing could be written down. Nobody holds its
    /// token before this is committed, so that a crash leaves a password that signs in, and no second way in.
    async fn use_up(&self, account: &Account, signed_in: &SignedIn) -> Result<bool, Error> {
        let (user, now, mut marked) = (account.user.id, self.clock.now(), account.clone());
        marked.one_time = account.one_time.map(|one_time| OneTime { used_at: Some(now), ..one_time });
        marked.user.version += 1;
        let changed = self.store.update(&marked, &updated(&marked, now)).await;
        let changed = self.settled(&marked.user, changed).await;
        if let Ok(Changed::Done) = changed {
            tracing::info!(user.id = %user, "one-time password used");
            self.profiles.publish(&marked.user).await;
            return Ok(true);
        }
        match self.delete.ask(session::Delete { user, session: signed_in.opened.session.id }).await {
            Ok(()) | Err(session::Error::Unknown) => {}
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(user.id = %user, error, "session that nobody holds not ended");
            }
        }
        changed.map(|_| false)
    }

    /// Replaces a dated hash by one with the current parameters. What fails here is tried again at the next sign-in.
    async fn upgrade(&self, account: &Account, password: &Password) {
        let upgraded = async {
            let hash = self.hasher.hash(password).await?;
            self.store.rehash(account.user.id, &account.password, &hash).await.map_err(Error::from)
        };
        match upgraded.await {
            Ok(()) => tracing::info!(user.id = %account.user.id, "password hash upgraded"),
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(user.id = %account.user.id, error, "password hash not upgraded");
            }
        }
    }
}

/// The same answer whatever was wrong: only the log tells.
fn refused(account: Option<&Account>, reason: &'static str) -> Error {
    let user = account.map(|account| account.user.id);
    tracing::info!(user.id = user.map(tracing::field::display), reason, "password refused");
    Error::BadCredentials
}
