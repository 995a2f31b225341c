//! Device cookies (OWASP, "Slow Down Online Guessing Attacks with Device Cookies").
//!
//! A device token is a random nonce and an HMAC of account and nonce under the node's secret. It proves that somebody who
//! knew the account's password signed in from this device; it opens nothing.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use subtle::ConstantTimeEq as _;

use crate::settings::Settings;

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
    account: AccountKey,
    nonce: [u8; Self::NONCE],
}

impl Device {
    const NONCE: usize = 16;
    const PROOF: usize = 32;

    /// A device that nobody has seen yet.
    pub(super) fn generate(account: AccountKey) -> Self {
        let mut nonce = [0; Self::NONCE];
        getrandom::fill(&mut nonce).expect("the operating system has a random source");
        Self { account, nonce }
    }

    /// The device that a token names. One that is forged, damaged or another account's names none.
    pub(super) fn verify(settings: &Settings, account: AccountKey, token: &str) -> Option<Self> {
        let mut room = [0; Self::NONCE + Self::PROOF];
        let length = URL_SAFE_NO_PAD.decode_slice(token, &mut room).ok()?;
        let (nonce, proof) = room.split_first_chunk::<{ Self::NONCE }>().filter(|_| length == room.len())?;
        let device = Self { account, nonce: *nonce };
        bool::from(device.proof(settings).ct_eq(proof)).then_some(device)
    }

    /// The token that names the device.
    pub(super) fn token(&self, settings: &Settings) -> String {
        URL_SAFE_NO_PAD.encode([self.nonce.as_slice(), &self.proof(settings)].concat())
    }

    fn proof(&self, settings: &Settings) -> [u8; Self::PROOF] {
        settings.mac("sign-in device", &[&self.account.0, &self.nonce])
    }
}
