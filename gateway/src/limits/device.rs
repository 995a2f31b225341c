//! Device cookies (OWASP, "Slow Down Online Guessing Attacks with Device Cookies").
//!
//! A device token is a random nonce, the time of the last sign-in, and an HMAC of account, nonce and time under the node's
//! secret. It proves that somebody who knew the account's password signed in from this device; it opens nothing. The nonce
//! is the device's name: it stays when its holder signs in again, so that signing in often makes no further device.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use subtle::ConstantTimeEq as _;
use time::{Duration, OffsetDateTime};

use crate::settings::Settings;

/// How long a device is known after its last sign-in.
pub(crate) const DEVICE_LIFETIME: Duration = Duration::days(365);

/// An account as the guard knows it: a keyed hash, so that memory holds no e-mail address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct AccountKey([u8; 32]);

impl AccountKey {
    /// The key of an account's lower-cased e-mail address, whether the account exists or not.
    pub(super) fn new(settings: &Settings, address: &str) -> Self {
        Self(settings.mac("sign-in account", &[address.as_bytes()]))
    }
}

/// A device that signed in to an account before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Device {
    /// Whose.
    pub(super) account: AccountKey,
    nonce: [u8; Self::NONCE],
}

impl Device {
    const NONCE: usize = 16;
    const ISSUED: usize = 8;
    const PROOF: usize = 32;

    /// A device that nobody has seen yet.
    pub(super) fn generate(account: AccountKey) -> Self {
        let mut nonce = [0; Self::NONCE];
        getrandom::fill(&mut nonce).expect("the operating system has a random source");
        Self { account, nonce }
    }

    /// The device that a token names. One that is forged, damaged, another account's or too old names none.
    pub(super) fn verify(settings: &Settings, account: AccountKey, token: &str, now: OffsetDateTime) -> Option<Self> {
        let mut room = [0; Self::NONCE + Self::ISSUED + Self::PROOF];
        let length = URL_SAFE_NO_PAD.decode_slice(token, &mut room).ok()?;
        let (nonce, rest) = room.split_first_chunk::<{ Self::NONCE }>().filter(|_| length == room.len())?;
        let (issued, proof) = rest.split_first_chunk::<{ Self::ISSUED }>()?;
        let device = Self { account, nonce: *nonce };
        let is_genuine = bool::from(device.proof(settings, *issued).ct_eq(proof));
        let age = now.unix_timestamp().saturating_sub(i64::from_be_bytes(*issued));
        (is_genuine && age < DEVICE_LIFETIME.whole_seconds()).then_some(device)
    }

    /// The token that names the device, which somebody who knew the password signed in from `now`.
    pub(super) fn token(&self, settings: &Settings, now: OffsetDateTime) -> String {
        let issued = now.unix_timestamp().to_be_bytes();
        URL_SAFE_NO_PAD.encode([&self.nonce[..], &issued, &self.proof(settings, issued)].concat())
    }

    fn proof(&self, settings: &Settings, issued: [u8; Self::ISSUED]) -> [u8; Self::PROOF] {
        settings.mac("sign-in device", &[&self.account.0, &self.nonce, &issued])
    }
}
