//! Somebody with many accounts who does this and that, one thing at a time, for as long as the node answers.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use super::{
    journal::{Account, Upload},
    wire::{Mode, Unknown, Wire},
};

/// How many accounts are in use; when there are more, the oldest is left alone.
const ACCOUNTS_IN_USE: usize = 10;
/// Past this many live sessions an account revokes some, so that a check stays short.
const SESSIONS_MAX: usize = 5;
/// Past this many photos an account deletes one.
const PHOTOS_MAX: usize = 6;

/// A client.
#[derive(Clone)]
pub(super) struct Client {
    number: usize,
    random: fastrand::Rng,
    made: usize,
    /// All accounts that it ever had, those in use last.
    pub(super) accounts: Vec<Account>,
}

impl Client {
    pub(super) fn new(number: usize, random: fastrand::Rng) -> Self {
        Self { number, random, made: 0, accounts: Vec::new() }
    }

    /// The owner of accounts that others have used.
    pub(super) fn of(number: usize, random: fastrand::Rng, accounts: Vec<Account>) -> Self {
        Self { accounts, ..Self::new(number, random) }
    }

    /// Works until the node is gone or it is told to stop.
    pub(super) async fn work(mut self, wire: Wire, stop: Arc<AtomicBool>) -> Self {
        while !stop.load(Ordering::Relaxed) {
            let done = self.step(&wire).await;
            if done.is_err() && wire.mode == Mode::Killed {
                break;
            }
            if done.is_err() && self.settle(&wire).await.is_err() {
                break;
            }
        }
        self
    }

    /// Does one thing.
    pub(super) async fn step(&mut self, wire: &Wire) -> Result<(), Unknown> {
        let in_use = self.accounts.len().saturating_sub(ACCOUNTS_IN_USE)..self.accounts.len();
        let open: Vec<_> = in_use.filter(|at| self.accounts[*at].is_open()).collect();
        let Some(at) = self.random.choice(&open).copied().filter(|_| self.random.u8(..100) >= 12) else {
            return self.register(wire).await;
        };
        self.accounts[at].touched = true;
        let Self { random, accounts, .. } = self;
        act(&mut accounts[at], random, wire).await
    }

    async fn register(&mut self, wire: &Wire) -> Result<(), Unknown> {
        self.made += 1;
        let email = format!("client{}.{}@example.com", self.number, self.made);
        let key = self.random.bool().then(|| format!("reg-{email}"));
        let mut account = Account::new(email, password(&mut self.random));
        let done = account.register(wire, key).await;
        self.accounts.push(account);
        done
    }

    /// Finds out what became of the operations that had no answer.
    pub(super) async fn settle(&mut self, wire: &Wire) -> Result<(), Unknown> {
        for account in self.accounts.iter_mut().filter(|account| account.pending.is_some()) {
            account.settle(wire, &mut self.random).await?;
        }
        Ok(())
    }

    /// Settles, then checks what was touched since the last time and a few others; all of them if `all`.
    pub(super) async fn check(mut self, wire: Wire, all: bool) -> Self {
        const OTHERS: usize = 2;
        if self.settle(&wire).await.is_err() {
            wire.findings.violation("the node went away while it was checked");
        }
        let others: Vec<_> = (0..OTHERS).map(|_| self.random.usize(..self.accounts.len().max(1))).collect();
        for (at, account) in self.accounts.iter_mut().enumerate() {
            if (all || account.touched || others.contains(&at)) && account.check(&wire).await.is_err() {
                wire.findings.violation(format!("{} could not be checked", account.email));
            }
        }
        self
    }
}

pub(super) fn password(random: &mut fastrand::Rng) -> String {
    format!("{:x} quartz violin", random.u64(..))
}

/// Does one thing with an account.
async fn act(account: &mut Account, random: &mut fastrand::Rng, wire: &Wire) -> Result<(), Unknown> {
    let Some(by) = random.choice(&account.sessions).cloned() else { return account.sign_in(wire).await };
    if account.sessions.len() > SESSIONS_MAX {
        return account.revoke_others(wire, by).await;
    }
    let photo = random.choice(&account.photos).cloned();
    if let Some(photo) = photo.clone()
        && account.photos.len() > PHOTOS_MAX
    {
        return account.remove_photo(wire, &by.token, photo).await;
    }
    match random.u8(..100) {
        0..18 => account.sign_in(wire).await,
        18..24 => account.logout(wire, by).await,
        24..32 => match account.sessions.iter().find(|session| **session != by).cloned() {
            Some(other) => account.revoke(wire, by, other).await,
            None => account.sign_in(wire).await,
        },
        32..36 => account.revoke_others(wire, by).await,
        36..42 => account.rename(wire, &by.token, format!("Somebody {}", random.u32(..))).await,
        42..52 => account.change_password(wire, &by.token, password(random)).await,
        52..84 => {
            let seed = random.u64(..);
            let key = random.bool().then(|| format!("upload-{seed:x}"));
            account.upload(wire, &by.token, Upload { seed, key }).await
        }
        84..94 => match photo {
            Some(photo) => account.remove_photo(wire, &by.token, photo).await,
            None => account.sign_in(wire).await,
        },
        _ => account.remove(wire, &by.token).await,
    }
}
