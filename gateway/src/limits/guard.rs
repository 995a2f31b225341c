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

use std::{net::IpAddr, sync::Arc};

use actix_web::web::Data;
use portico_config::{Rate, RateLimits};
use portico_session::SessionId;
use tokio::sync::OwnedSemaphorePermit;

use super::{
    address::AddressKey,
    bucket::{Bucket, Count, Limited},
    device::{AccountKey, Device},
    in_flight::Passwords,
    time::Time,
};
use crate::{Problem, settings::Settings};

/// How many devices of one account may fail as often as each alone may.
const DEVICES_AT_ONCE: u16 = 10;

/// Bounds how often passwords may be guessed; one for all workers.
pub(crate) struct SignInGuard {
    strangers_of_address: Bucket<AddressKey>,
    strangers_of_account: Bucket<AccountKey>,
    known: Bucket<Known>,
    devices_of_account: Bucket<AccountKey>,
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

/// Whose tokens an attempt took.
#[derive(Debug, Clone, Copy)]
enum Taken {
    Known(Known),
    Stranger(AddressKey, AccountKey),
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
            known: Bucket::new("sign_in_device", of_device, keys_max, time),
            devices_of_account: Bucket::new("sign_in_devices", of_devices, keys_max, time),
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
    pub(crate) fn check(
        self: &Arc<Self>,
        account: &str,
        address: Option<IpAddr>,
        device: Option<&str>,
    ) -> Result<Permit, Problem> {
        let account = AccountKey::new(&self.settings, account);
        self.permit(match self.known_device(account, device) {
            Some(device) => Taken::Known(Known::Device(device)),
            None => Taken::Stranger(AddressKey::from(address), account),
        })
    }

    /// May a password be confirmed under `session`? A thief of one session does not exhaust the owner's others.
    ///
    /// # Errors
    /// As for [`Self::check`].
    pub(crate) fn check_session(self: &Arc<Self>, session: SessionId) -> Result<Permit, Problem> {
        self.permit(Taken::Known(Known::Session(session)))
    }

    /// A token that makes its holder a known device of the account at the lower-cased e-mail `account`: the same that
    /// `device` names, if it does. For whoever proved to know the account's password, and nobody else.
    pub(crate) fn device_token(&self, account: &str, device: Option<&str>) -> String {
        let account = AccountKey::new(&self.settings, account);
        let device = self.known_device(account, device).unwrap_or_else(|| Device::generate(account));
        device.token(&self.settings, self.time.wall())
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

    fn permit(self: &Arc<Self>, wanted: Taken) -> Result<Permit, Problem> {
        let place = self.passwords.enter()?; // first, so that a bucket's cell costs its maker a verification
        self.take(wanted)?;
        Ok(Permit { guard: Arc::clone(self), taken: Some(wanted), _place: place })
    }

    /// The tokens of an address or a device go first: past them, an attacker does not reach the account's.
    fn take(&self, wanted: Taken) -> Result<(), Limited> {
        match wanted {
            Taken::Known(session @ Known::Session(_)) => self.known.take(session).map(drop),
            Taken::Known(known @ Known::Device(device)) => {
                self.known.take(known)?;
                let taken = self.devices_of_account.take(device.account).map(drop);
                taken.inspect_err(|_| self.known.give_back(known))
            }
            Taken::Stranger(address, account) => {
                self.strangers_of_address.take(address)?;
                let taken = self.strangers_of_account.take(account).map(drop);
                taken.inspect_err(|_| self.strangers_of_address.give_back(address))
            }
        }
    }

    fn give_back(&self, taken: Taken) {
        match taken {
            Taken::Known(known) => {
                self.known.give_back(known);
                if let Known::Device(device) = known {
                    self.devices_of_account.give_back(device.account);
                }
            }
            Taken::Stranger(address, account) => {
                self.strangers_of_address.give_back(address);
                self.strangers_of_account.give_back(account);
            }
        }
    }
}

/// Leave to try one password, and a place among those that are verified. Dropped without a verdict, nothing is counted:
/// the client has learnt nothing.
#[must_use]
pub(crate) struct Permit {
    guard: Arc<SignInGuard>,
    taken: Option<Taken>,
    _place: OwnedSemaphorePermit,
}

impl Permit {
    /// The password was wrong.
    pub(crate) fn failed(mut self) {
        self.taken = None;
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(taken) = self.taken {
            self.guard.give_back(taken);
        }
    }
}
