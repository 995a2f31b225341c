//! Changing and deleting accounts. Both decide on what they read and write only if nobody was quicker; both end the
//! sessions that must end before they answer.

use portico_kernel::{Invalid, StoreError};
use portico_session::{EnsureRevocable, LAST_EPOCH, RaiseEpoch, Rotate};

use super::{ATTEMPTS_MAX, Ports, credentials::Proof};
use crate::{
    Account, Changed, DeleteAccount, Error, Password, PasswordHash, UpdateAccount, Updated, User, deleted, updated,
};

impl Ports {
    pub(super) async fn update(&self, update: UpdateAccount) -> Result<Updated, Error> {
        let is_credential = update.email.is_some() || update.new_password.is_some();
        if is_credential && update.current_password.is_none() {
            return Err(Error::PasswordRequired);
        }
        let (mut proof, mut new_hash) = (Proof::default(), None);
        for _ in 0..ATTEMPTS_MAX {
            let account = self.store.find(update.user).await?.ok_or(Error::Unknown)?;
            if let Some(current) = &update.current_password {
                self.prove(&mut proof, &account, current).await?;
            }
            if update.name.is_none() && !is_credential {
                return Ok(Updated { user: account.user, rotated: None });
            }
            let mut account = self.changed(account, &update);
            if let Some(password) = &update.new_password {
                refuse_one_time(&account, password, update.current_password.as_ref())?;
                account.password = self.new_hash(&mut new_hash, password, &account.user).await?;
                account.one_time = None;
            }
            if is_credential {
                self.ensure_revocable.ask(EnsureRevocable { user: update.user }).await?;
            }
            let event = updated(&account, account.user.updated_at);
            match self.settled(&account.user, self.store.update(&account, &event).await).await? {
                Changed::Done => return self.after_update(account, is_credential, update).await,
                Changed::Stale => {}
                Changed::EmailTaken => return Err(Error::EmailTaken),
            }
        }
        Err(Error::Conflict)
    }

    /// The account with everything of `update` but the password.
    fn changed(&self, mut account: Account, update: &UpdateAccount) -> Account {
        if let Some(name) = &update.name {
            account.user.name = name.clone();
        }
        if let Some(email) = &update.email {
            account.user.email = email.clone();
        }
        if update.email.is_some() || update.new_password.is_some() {
            account.epoch += 1;
        }
        account.user.version += 1;
        account.user.updated_at = self.clock.now();
        account
    }

    /// The hash of the newly chosen password; it is made once, however often the change is decided anew.
    async fn new_hash(
        &self,
        made: &mut Option<PasswordHash>,
        password: &Password,
        user: &User,
    ) -> Result<PasswordHash, Error> {
        let weak = |rule| Error::WeakPassword { field: "new_password", rule };
        self.policy.check(password, &user.name, &user.email).map_err(weak)?;
        if made.is_none() {
            *made = Some(self.hasher.hash(password).await?);
        }
        Ok(made.clone().expect("it was made just now"))
    }

    async fn after_update(
        &self,
        account: Account,
        is_credential: bool,
        update: UpdateAccount,
    ) -> Result<Updated, Error> {
        self.profiles.publish(&account.user).await;
        let rotated = if is_credential {
            let rotate = Rotate { user: account.user.id, epoch: account.epoch, client: update.client };
            Some(self.rotate.ask(rotate).await?)
        } else {
            None
        };
        Ok(Updated { user: account.user, rotated })
    }

    pub(super) async fn delete(&self, delete: DeleteAccount) -> Result<(), Error> {
        let (user, mut proof) = (delete.user, Proof::default());
        for _ in 0..ATTEMPTS_MAX {
            let mut account = self.store.find(user).await?.ok_or(Error::Unknown)?;
            self.prove(&mut proof, &account, &delete.password).await?;
            self.ensure_revocable.ask(EnsureRevocable { user }).await?;
            account.user.version += 1;
            let event = deleted(&account, self.clock.now());
            match self.settled(&account.user, self.store.delete(&account, &event).await).await? {
                Changed::Done => {
                    self.profiles.bury(user, account.user.version).await;
                    return Ok(self.raise_epoch.ask(RaiseEpoch { user, epoch: LAST_EPOCH }).await?);
                }
                Changed::Stale | Changed::EmailTaken => {}
            }
        }
        Err(Error::Conflict)
    }

    /// What became of a change to what `user` was to be. When that is not known, its profile is not known either.
    pub(super) async fn settled(&self, user: &User, changed: Result<Changed, StoreError>) -> Result<Changed, Error> {
        if changed.is_err() {
            self.profiles.forget(user.id, user.version).await;
        }
        Ok(changed?)
    }
}

/// A one-time password is not to stay (OWASP ASVS 5.0, 6.4.1). `current` has proven to be the account's.
fn refuse_one_time(account: &Account, new: &Password, current: Option<&Password>) -> Result<(), Error> {
    if account.one_time.is_none() || current.is_none_or(|current| current.expose() != new.expose()) {
        return Ok(());
    }
    let rule = Invalid::new("one_time", "must not be the one-time password");
    Err(Error::WeakPassword { field: "new_password", rule })
}
