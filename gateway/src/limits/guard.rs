//! Bounds how often passwords may be guessed.
//!
//! Invariant: a locked door never locks its owner out. A client that proves to have signed in to the account before
//! ([`Device`]) has a budget of its own, and so has a session that confirms its password; neither is touched by what
//! strangers do. Strangers share a budget per account, and each address has one over all accounts.
//!
//! Who once knew the password can collect devices, each with its budget. So an account's devices draw from one together as
//! well, as large as that of [`DEVICES_AT_ONCE`]: an owner's few never meet it, and a thousand guess no more than those.
//!
//! A token is taken before the password is verified, so that guesses sent at the same time count as well, and is given
//! back unless the password was wrong. What others took stays taken: a success forgives nobody else's failures.
//! An account that does not exist is counted like one that does.
//!
//! Where no token is left but some are held by attempts that are not judged yet, an attempt waits for their verdicts: right
//! passwords that come at the same time, however many, refuse nobody. It keeps its place among the passwords meanwhile, so
//! that no more wait than could be verified.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use actix_web::web::Data;
use portico_config::{Rate, RateLimits};
use portico_kernel::AskError;
use portico_session::SessionId;
use tokio::sync::{Notify, OwnedSemaphorePermit};

use super::{
    address::AddressKey,
    bucket::{Bucket, Count, Limited},
    device::{AccountKey, Device},
    in_flight::Passwords,
    time::Time,
};
use crate::settings::Settings;

/// How many devices of one account may fail as often as each alone may.
const DEVICES_AT_ONCE: u16 = 10;

/// Bounds how often passwords may be guessed; one for all workers.
pub(crate) struct SignInGuard {
    strangers_of_address: Bucket<AddressKey>,
    strangers_of_account: Bucket<AccountKey>,
    known: Bucket<Known>,
    devices_of_account: Bucket<AccountKey>,
    /// Tokens that are held by attempts without a verdict; there are no more than places among the passwords.
    unjudged: Mutex<HashMap<Token, usize>>,
    /// An attempt was judged.
    verdict: Notify,
    passwords: Passwords,
    settings: Data<Settings>,
    time: Time,
}

/// Who has a budget of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Known {
    Device(Device),
    Session(SessionId),
}

/// A token of one budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Token {
    StrangersOfAddress(AddressKey),
    StrangersOfAccount(AccountKey),
    Known(Known),
    DevicesOfAccount(AccountKey),
}

/// The tokens that an attempt needs. Those of an address or a device go first: past them, an attacker does not reach the
/// account's.
type Tokens = [Option<Token>; 2];

/// Why an attempt may not be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    /// A budget is used up.
    #[error(transparent)]
    Limited(#[from] Limited),
    /// Too many passwords wait to be verified.
    #[error(transparent)]
    Overloaded(#[from] AskError),
}

impl SignInGuard {
    pub(super) fn new(
        rates: &RateLimits,
        keys_max: u64,
        settings: &Data<Settings>,
        passwords: Passwords,
        time: &Time,
    ) -> Self {
        let (of_address, of_account) = (rates.sign_in_failures_per_address, rates.sign_in_failures_per_account);
        let of_device = rates.sign_in_failures_per_device;
        let of_devices = Rate {
            burst: of_device.burst.saturating_mul(DEVICES_AT_ONCE.into()),
            per_s: of_device.per_s * f64::from(DEVICES_AT_ONCE),
        };
        Self {
            strangers_of_address: Bucket::new("sign_in_address", of_address, keys_max, time),
            strangers_of_account: Bucket::new("sign_in_account", of_account, keys_max, time),
            known: Bucket::new("sign_in_known", of_device, keys_max, time),
            devices_of_account: Bucket::new("sign_in_devices", of_devices, keys_max, time),
            unjudged: Mutex::default(),
            verdict: Notify::new(),
            passwords,
            settings: Data::clone(settings),
            time: time.clone(),
        }
    }

    /// May a password of the account at the lower-cased e-mail `account` be tried from `address`, on a device that
    /// presents `device`?
    ///
    /// # Errors
    /// The client's: `rate_limited`. The server's: `overloaded`, when too many passwords wait to be verified.
    pub(crate) async fn check(
        self: &Arc<Self>,
        account: &str,
        address: Option<IpAddr>,
        device: Option<&str>,
    ) -> Result<Permit, Refused> {
        let account = AccountKey::new(&self.settings, account);
        let of_strangers = [Token::StrangersOfAddress(address.into()), Token::StrangersOfAccount(account)];
        self.permit(self.of_device(account, device).unwrap_or(of_strangers.map(Some))).await
    }

    /// The same for a registration that may be a repeated one, which verifies a password. How many of them an address may
    /// try is bounded by its registrations, so that the failures of its sign-ins refuse it no new account.
    ///
    /// # Errors
    /// As for [`Self::check`].
    pub(crate) async fn check_repeat(self: &Arc<Self>, account: &str, device: Option<&str>) -> Result<Permit, Refused> {
        let account = AccountKey::new(&self.settings, account);
        let of_strangers = [Some(Token::StrangersOfAccount(account)), None];
        self.permit(self.of_device(account, device).unwrap_or(of_strangers)).await
    }

    /// May a password be confirmed under `session`? A thief of one session does not exhaust the owner's others.
    ///
    /// # Errors
    /// As for [`Self::check`].
    pub(crate) async fn check_session(self: &Arc<Self>, session: SessionId) -> Result<Permit, Refused> {
        self.permit([Some(Token::Known(Known::Session(session))), None]).await
    }

    /// May a new password be hashed? Nothing can be guessed by it.
    ///
    /// # Errors
    /// The server's: `overloaded`, when too many passwords wait to be verified.
    pub(crate) async fn check_new(self: &Arc<Self>) -> Result<Permit, Refused> {
        self.permit([None, None]).await
    }

    /// A token that makes its holder a known device of the account at the lower-cased e-mail `account`: the same that
    /// `device` names, if it does. For whoever proved to know the account's password, and nobody else.
    pub(crate) fn device_token(&self, account: &str, device: Option<&str>) -> String {
        let account = AccountKey::new(&self.settings, account);
        let device = self.known_device(account, device).unwrap_or_else(|| Device::generate(account));
        device.token(&self.settings, self.time.wall())
    }

    /// The tokens of a known device.
    fn of_device(&self, account: AccountKey, token: Option<&str>) -> Option<Tokens> {
        let device = self.known_device(account, token)?;
        Some([Token::Known(Known::Device(device)), Token::DevicesOfAccount(account)].map(Some))
    }

    fn known_device(&self, account: AccountKey, token: Option<&str>) -> Option<Device> {
        Device::verify(&self.settings, account, token?, self.time.wall())
    }

    /// Whether a password could be verified now.
    pub(super) fn has_room(&self) -> bool {
        self.passwords.has_room()
    }

    pub(super) fn counts(&self) -> [Count; 5] {
        [
            self.strangers_of_address.count(),
            self.strangers_of_account.count(),
            self.known.count(),
            self.devices_of_account.count(),
            self.passwords.count(),
        ]
    }

    /// Waits as long as verdicts may bring tokens back; the request's deadline bounds that.
    async fn permit(self: &Arc<Self>, tokens: Tokens) -> Result<Permit, Refused> {
        let place = self.passwords.enter()?; // first, so that a bucket's cell costs its maker a verification
        loop {
            let verdict = self.verdict.notified(); // made before the look, so that no verdict is missed
            match self.take(&tokens) {
                Ok(()) => return Ok(Permit { guard: Arc::clone(self), tokens, is_spent: false, _place: place }),
                Err(Empty { limited, returns: false }) => return Err(limited.into()),
                Err(Empty { returns: true, .. }) => verdict.await,
            }
        }
    }

    /// Takes all tokens, or none.
    fn take(&self, tokens: &Tokens) -> Result<(), Empty> {
        let mut unjudged = self.unjudged();
        for (taken, token) in tokens.iter().flatten().enumerate() {
            if let Err(limited) = self.try_take(*token) {
                tokens.iter().flatten().take(taken).for_each(|token| self.put_back(*token));
                let returns = unjudged.contains_key(token);
                if !returns {
                    self.tally(*token, false);
                }
                return Err(Empty { limited, returns });
            }
        }
        for token in tokens.iter().flatten() {
            *unjudged.entry(*token).or_default() += 1;
            self.tally(*token, true);
        }
        Ok(())
    }

    /// Takes a verdict: the tokens are spent, or given back.
    fn judge(&self, tokens: &Tokens, is_spent: bool) {
        let mut unjudged = self.unjudged();
        for token in tokens.iter().flatten() {
            if !is_spent {
                self.put_back(*token);
            }
            if let Some(held) = unjudged.get_mut(token) {
                *held -= 1;
                if *held == 0 {
                    unjudged.remove(token);
                }
            }
        }
        drop(unjudged);
        self.verdict.notify_waiters();
    }

    fn unjudged(&self) -> MutexGuard<'_, HashMap<Token, usize>> {
        self.unjudged.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn try_take(&self, token: Token) -> Result<(), Limited> {
        match token {
            Token::StrangersOfAddress(key) => self.strangers_of_address.try_take(key).map(drop),
            Token::StrangersOfAccount(key) => self.strangers_of_account.try_take(key).map(drop),
            Token::Known(key) => self.known.try_take(key).map(drop),
            Token::DevicesOfAccount(key) => self.devices_of_account.try_take(key).map(drop),
        }
    }

    fn put_back(&self, token: Token) {
        match token {
            Token::StrangersOfAddress(key) => self.strangers_of_address.give_back(key),
            Token::StrangersOfAccount(key) => self.strangers_of_account.give_back(key),
            Token::Known(key) => self.known.give_back(key),
            Token::DevicesOfAccount(key) => self.devices_of_account.give_back(key),
        }
    }

    fn tally(&self, token: Token, allowed: bool) {
        match token {
            Token::StrangersOfAddress(_) => self.strangers_of_address.tally(allowed),
            Token::StrangersOfAccount(_) => self.strangers_of_account.tally(allowed),
            Token::Known(_) => self.known.tally(allowed),
            Token::DevicesOfAccount(_) => self.devices_of_account.tally(allowed),
        }
    }
}

/// A budget has no token left.
struct Empty {
    limited: Limited,
    /// Attempts that are not judged yet may give some back.
    returns: bool,
}

/// Leave to try one password, and a place among those that are verified. Dropped without a verdict, nothing is counted:
/// the client has learnt nothing.
#[must_use]
pub(crate) struct Permit {
    guard: Arc<SignInGuard>,
    tokens: Tokens,
    is_spent: bool,
    _place: OwnedSemaphorePermit,
}

impl Permit {
    /// The password is being verified, and is taken to be wrong until it is known not to be.
    pub(crate) fn spend(&mut self) {
        self.is_spent = true;
    }

    /// The password was right, or was not verified.
    pub(crate) fn give_back(mut self) {
        self.is_spent = false;
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.guard.judge(&self.tokens, self.is_spent);
    }
}
