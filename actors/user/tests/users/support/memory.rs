//! A store in memory that keeps the port's promises, whose answers can be held back and whose writes can fail.

use std::{
    collections::HashMap,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use portico_kernel::{Event, Idempotency, IdempotencyKey, StoreError, UserId};
use portico_user::*;
use time::OffsetDateTime;
use tokio::sync::{Notify, oneshot};

/// What is done once to the accounts just before a change is applied: somebody was quicker.
type Interference = Box<dyn FnMut(&mut HashMap<UserId, Account>) + Send>;

#[derive(Default)]
pub(crate) struct Memory {
    state: Mutex<State>,
    rehash_fails: AtomicBool,
    updates_fail: AtomicBool,
    changes_are_unknown: AtomicBool,
    calls: AtomicUsize,
    purged: Notify,
}

#[derive(Default)]
struct State {
    accounts: HashMap<UserId, Account>,
    keys: HashMap<IdempotencyKey, (Remembered, OffsetDateTime)>,
    outbox: Vec<Event>,
    interference: Option<Interference>,
    held: Option<(oneshot::Sender<()>, oneshot::Receiver<()>)>,
}

impl Memory {
    pub(crate) fn accounts(&self) -> Vec<Account> {
        self.state.lock().unwrap().accounts.values().cloned().collect()
    }

    pub(crate) fn account(&self, user: UserId) -> Account {
        self.state.lock().unwrap().accounts[&user].clone()
    }

    pub(crate) fn replace_hash(&self, user: UserId, hash: &str) {
        self.state.lock().unwrap().accounts.get_mut(&user).unwrap().password = PasswordHash::new(hash);
    }

    pub(crate) fn keys(&self) -> usize {
        self.state.lock().unwrap().keys.len()
    }

    /// The events that were committed: kind and version of each.
    pub(crate) fn outbox(&self) -> Vec<(String, i64)> {
        let state = self.state.lock().unwrap();
        state.outbox.iter().map(|event| (event.kind.clone(), event.data["version"].as_i64().unwrap())).collect()
    }

    /// Waits for the next purge.
    pub(crate) async fn purged(&self, within: Duration) {
        tokio::time::timeout(within, self.purged.notified()).await.expect("it is purged");
    }

    /// How many calls the store has answered.
    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    pub(crate) fn fail_rehash(&self) {
        self.rehash_fails.store(true, Ordering::SeqCst);
    }

    /// From now on no change is kept, or again every one is.
    pub(crate) fn fail_updates(&self, fail: bool) {
        self.updates_fail.store(fail, Ordering::SeqCst);
    }

    /// From now on every change is made and answered by a failure: what became of it is not known to the caller.
    pub(crate) fn lose_answers_of_changes(&self) {
        self.changes_are_unknown.store(true, Ordering::SeqCst);
    }

    /// Has `interference` happen just before every change from now on.
    pub(crate) fn interfere(&self, interference: impl FnMut(&mut HashMap<UserId, Account>) + Send + 'static) {
        self.state.lock().unwrap().interference = Some(Box::new(interference));
    }

    /// Holds the next reading's answer back: the first tells that it has read, the second lets it go on.
    pub(crate) fn hold_next_find(&self) -> (oneshot::Receiver<()>, oneshot::Sender<()>) {
        let ((reached, has_read), (release, released)) = (oneshot::channel(), oneshot::channel());
        self.state.lock().unwrap().held = Some((reached, released));
        (has_read, release)
    }

    async fn read<T>(&self, read: impl FnOnce(&State) -> T) -> T {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let (found, held) = {
            let mut state = self.state.lock().unwrap();
            (read(&state), state.held.take())
        };
        if let Some((reached, released)) = held {
            reached.send(()).unwrap();
            released.await.unwrap();
        }
        found
    }

    fn change(
        &self,
        user: UserId,
        version: i64,
        write: impl FnOnce(&mut State) -> Changed,
    ) -> Result<Changed, StoreError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let mut state = self.state.lock().unwrap();
        if let Some(mut interference) = state.interference.take() {
            interference(&mut state.accounts);
            state.interference = Some(interference);
        }
        let changed = match state.accounts.get(&user) {
            Some(account) if account.user.version + 1 == version => write(&mut state),
            _ => Changed::Stale,
        };
        if self.changes_are_unknown.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable("the test said so".into()));
        }
        Ok(changed)
    }
}

impl State {
    fn is_taken(&self, account: &Account) -> bool {
        let same = |other: &Account| other.user.email.key() == account.user.email.key();
        self.accounts.values().any(|other| same(other) && other.user.id != account.user.id)
    }

    fn keep(&mut self, account: &Account, event: &Event) {
        self.accounts.insert(account.user.id, account.clone());
        self.outbox.push(event.clone());
    }

    fn insert(&mut self, account: &Account, event: &Event, idempotency: Option<&Idempotency>) -> Inserted {
        if idempotency.is_some_and(|idempotency| self.keys.contains_key(&idempotency.key)) {
            return Inserted::KeyKnown;
        }
        if self.is_taken(account) {
            return Inserted::EmailTaken;
        }
        if let Some(Idempotency { key, fingerprint }) = idempotency {
            let remembered = Remembered { user: account.user.id, fingerprint: *fingerprint };
            self.keys.insert(key.clone(), (remembered, account.user.created_at));
        }
        self.keep(account, event);
        Inserted::Kept
    }
}

#[async_trait]
impl Store for Memory {
    async fn insert(
        &self,
        account: &Account,
        event: &Event,
        idempotency: Option<&Idempotency>,
    ) -> Result<Inserted, StoreError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        Ok(self.state.lock().unwrap().insert(account, event, idempotency))
    }

    async fn find(&self, id: UserId) -> Result<Option<Account>, StoreError> {
        Ok(self.read(|state| state.accounts.get(&id).cloned()).await)
    }

    async fn find_by_email(&self, email: &Email) -> Result<Option<Account>, StoreError> {
        let key = email.key();
        Ok(self.read(|state| state.accounts.values().find(|account| account.user.email.key() == key).cloned()).await)
    }

    async fn update(&self, account: &Account, event: &Event) -> Result<Changed, StoreError> {
        if self.updates_fail.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable("the test said so".into()));
        }
        self.change(account.user.id, account.user.version, |state| {
            if state.is_taken(account) {
                return Changed::EmailTaken;
            }
            state.keep(account, event);
            Changed::Done
        })
    }

    async fn rehash(&self, id: UserId, old: &PasswordHash, new: &PasswordHash) -> Result<(), StoreError> {
        if self.rehash_fails.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable("the test said so".into()));
        }
        let mut state = self.state.lock().unwrap();
        if let Some(account) = state.accounts.get_mut(&id).filter(|account| account.password == *old) {
            account.password = new.clone();
        }
        Ok(())
    }

    async fn delete(&self, account: &Account, event: &Event) -> Result<Changed, StoreError> {
        let user = account.user.id;
        self.change(user, account.user.version, |state| {
            state.accounts.remove(&user);
            state.keys.retain(|_, (remembered, _)| remembered.user != user);
            state.outbox.push(event.clone());
            Changed::Done
        })
    }

    async fn recall(&self, key: &IdempotencyKey, since: OffsetDateTime) -> Result<Option<Remembered>, StoreError> {
        let state = self.state.lock().unwrap();
        Ok(state.keys.get(key).filter(|(_, at)| *at >= since).map(|(remembered, _)| remembered.clone()))
    }

    async fn import(&self, accounts: &[(Account, Event)]) -> Result<Vec<Inserted>, StoreError> {
        assert!(accounts.len() <= Import::MAX_BATCH);
        let mut state = self.state.lock().unwrap();
        Ok(accounts.iter().map(|(account, event)| state.insert(account, event, None)).collect())
    }

    async fn purge(&self, before: OffsetDateTime) -> Result<u64, StoreError> {
        let mut state = self.state.lock().unwrap();
        let kept = state.keys.len();
        state.keys.retain(|_, (_, at)| *at >= before);
        self.purged.notify_one();
        Ok(u64::try_from(kept - state.keys.len()).unwrap())
    }

    async fn check(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
