//! Opening accounts: one at a time by their owners, and many at once by an operator.

use std::{cell::RefCell, collections::HashSet, rc::Rc};

use portico_kernel::{IDEMPOTENCY_KEPT, Idempotency, IdempotencyKey, StoreError, UserId};
use portico_session::ClientInfo;

use super::{ATTEMPTS_MAX, Ports};
use crate::{
    Account, Email, Error, Import, Imported, Inserted, Name, NewAccount, Password, PasswordHash, Register, Remembered,
    SignedIn, User, registered,
};

impl Ports {
    pub(super) async fn register(&self, register: Register) -> Result<SignedIn, Error> {
        let Register { name, email, password, client, idempotency } = register;
        if let Some(remembered) = self.recall(idempotency.as_ref()).await? {
            return self.repeat(&remembered, &password, client).await;
        }
        let account = self.new_account(name, email, &password).await?;
        let event = registered(&account, account.user.created_at);
        for _ in 0..ATTEMPTS_MAX {
            match self.store.insert(&account, &event, idempotency.as_ref()).await? {
                Inserted::Kept => {
                    self.profiles.welcome(&account.user).await;
                    return self.open_session(&account, client).await;
                }
                Inserted::EmailTaken => return Err(Error::EmailTaken),
                Inserted::KeyKnown => match self.recall(idempotency.as_ref()).await? {
                    Some(remembered) => return self.repeat(&remembered, &password, client).await,
                    // The key is past its time and not purged yet.
                    None => self.store.purge(self.clock.now() - IDEMPOTENCY_KEPT).await.map(drop)?,
                },
            }
        }
        Err(Error::Conflict)
    }

    async fn new_account(&self, name: Name, email: Email, password: &Password) -> Result<Account, Error> {
        let weak = |rule| Error::WeakPassword { field: "password", rule };
        self.policy.check(password, &name, &email).map_err(weak)?;
        let hash = self.hasher.hash(password).await?;
        Ok(self.account(name, email, hash))
    }

    fn account(&self, name: Name, email: Email, password: PasswordHash) -> Account {
        let now = self.clock.now();
        let user = User { id: UserId::new(), name, email, created_at: now, updated_at: now, version: 1 };
        Account { user, password, one_time: None, epoch: 1 }
    }

    /// The registration that was made before under the request's key.
    async fn recall(&self, idempotency: Option<&Idempotency>) -> Result<Option<Remembered>, Error> {
        let Some(Idempotency { key, fingerprint }) = idempotency else { return Ok(None) };
        match self.store.recall(key, self.clock.now() - IDEMPOTENCY_KEPT).await? {
            Some(remembered) if remembered.fingerprint != *fingerprint => Err(Error::KeyReused),
            remembered => Ok(remembered),
        }
    }

    /// Answers a repeated registration, and finishes one whose session step failed. The fingerprint does not cover the
    /// password, so that it is the password that proves who repeats.
    async fn repeat(
        &self,
        remembered: &Remembered,
        password: &Password,
        client: ClientInfo,
    ) -> Result<SignedIn, Error> {
        self.sign_in(password, client, || self.store.find(remembered.user)).await
    }

    pub(super) async fn import(&self, users: Vec<NewAccount>) -> Result<Vec<Imported>, Error> {
        let mut outcomes = Vec::with_capacity(users.len());
        for batch in users.chunks(Import::MAX_BATCH) {
            let accounts: Vec<_> = batch
                .iter()
                .cloned()
                .map(|new| self.account(new.name, new.email, new.password))
                .map(|account| (account.clone(), registered(&account, account.user.created_at)))
                .collect();
            for ((account, _), inserted) in accounts.iter().zip(self.store.import(&accounts).await?) {
                let outcome = imported(account.user.id, inserted)?;
                if let Imported::Opened(user) = outcome {
                    tracing::info!(user.id = %user, "account imported");
                }
                outcomes.push(outcome);
            }
        }
        Ok(outcomes)
    }
}

fn imported(user: UserId, inserted: Inserted) -> Result<Imported, Error> {
    match inserted {
        Inserted::Kept => Ok(Imported::Opened(user)),
        Inserted::EmailTaken => Ok(Imported::EmailTaken),
        Inserted::KeyKnown => Err(StoreError::Broken("an import has no idempotency key".into()).into()),
    }
}

/// The idempotency keys of the registrations that are in progress.
#[derive(Default)]
pub(super) struct Claims(Rc<RefCell<HashSet<IdempotencyKey>>>);

/// A key that is in progress until this is dropped.
pub(super) struct Claim {
    claims: Rc<RefCell<HashSet<IdempotencyKey>>>,
    key: IdempotencyKey,
}

impl Claims {
    /// Claims the request's key, if it has one.
    pub(super) fn claim(&self, idempotency: Option<&Idempotency>) -> Result<Option<Claim>, Error> {
        let Some(Idempotency { key, .. }) = idempotency else { return Ok(None) };
        if self.0.borrow_mut().insert(key.clone()) {
            Ok(Some(Claim { claims: Rc::clone(&self.0), key: key.clone() }))
        } else {
            Err(Error::KeyInProgress)
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.claims.borrow_mut().remove(&self.key);
    }
}
