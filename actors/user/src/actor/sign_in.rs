//! Signing in: the password decides, and a session follows under the credentials that it was verified against.

use std::future::Future;

use portico_kernel::StoreError;
use portico_session::{self as session, ClientInfo};

use super::{ATTEMPTS_MAX, Ports};
use crate::{Account, Authenticate, Error, Password, SignedIn, Verdict};

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
                let user = account.map(|account| account.user.id);
                tracing::info!(user.id = user.map(tracing::field::display), "password refused");
                return Err(Error::BadCredentials);
            };
            match self.open_session(account, client.clone()).await {
                Err(Error::Session(session::Error::Stale)) => {}
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
