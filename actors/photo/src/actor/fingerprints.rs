//! Tells a repeated upload from another one under the same idempotency key.
//!
//! Invariant: a fingerprint says nothing of the bytes, not even of the metadata that is not kept, to whoever does not hold
//! the node's secret.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// Makes fingerprints: HMAC-SHA256 of an upload's bytes. Cheap to clone.
#[derive(Clone)]
pub struct Fingerprints(Hmac<Sha256>);

impl Fingerprints {
    /// Fingerprints under the node's secret.
    pub fn new(secret: [u8; 32]) -> Self {
        let mut begun = Hmac::new_from_slice(&secret).expect("HMAC takes a key of any length");
        begun.update(b"idempotency POST /me/photos\0"); // other uses of the secret say something else
        Self(begun)
    }

    /// The beginning of a fingerprint, before the first byte.
    pub(super) fn begin(&self) -> Fingerprint {
        Fingerprint(self.0.clone())
    }
}

/// A fingerprint of the bytes so far.
pub(super) struct Fingerprint(Hmac<Sha256>);

impl Fingerprint {
    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(super) fn finish(self) -> [u8; 32] {
        self.0.finalize().into_bytes().into()
    }
}
