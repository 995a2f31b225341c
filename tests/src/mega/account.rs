//! An account: whose password it is, and what that opens.

use std::collections::HashSet;

use aes::{
    Aes128,
    cipher::{BlockEncrypt as _, KeyInit as _},
};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use num_bigint::BigUint;
use serde_json::{Value, json};
use sha2::Sha512;

/// Of PBKDF2.
const ROUNDS: u32 = 100_000;
const SALT: &[u8] = b"a salt of this account, 32 bytes";
const MASTER: [u8; 16] = *b"a key of 16 byte";
/// What a fresh account keeps of shares: nothing, encrypted by a key that follows from its master key.
pub(super) const SHARES: &str = "FAAAAAAAAAAAAAAAAABtrsUtmtF20IYPeryFdQHF";

/// An RSA key of 2048 bits, made for this: two primes, the exponent, and what speeds decryption up.
const P: &str = "xyEnGggiymt__jUQQCakr8BHbzKi1p9HdqUpx1F2UsWssb3kCLNbxmD4KvgSNjdj4q670-61F-AqUxh8QWqYsG1T480TBQpnndcxMow57d1MJo-tn307HRpMQ2uEz6xWGJvLcT14Lwmw6Db6v-obT-dXla3KlFp6uKhbaCqda48";
const Q: &str = "yH9PVuZbLSCu53Ol_zTnA7VEMSIPtucO9I89SDU0BVDCZD94krx9DEucXHBezs4ClarmJ69Kt_vj8QwvzHYAm7ZAGdDMyBNHRXaC19c4SpR4GfoBbL8waaC9YMF3jfoQm0_aDdAGlxD0D0jjC4uqk5vNAewlLeLdxYPGXoVDxKc";
const D: &str = "kshnQXglu-2QGdYnpTpaNYtsvg-TjBRGBNJt9qz0zhjmUyY7-EyJiTEvNqHGOUSvCi5f6cF4XwFcxhFLECBp6_ZBq0To8w2mwNDeDslNwixYstSVmJPlZp-kiI_Qe1Ra_Tz3GwxtiTCU5I6DTlJe8FsDwqH7X22jmAQNyfvWmjIJQGLKgmue9mkUkWXBOcV0-Vd7n4cH8xNJC_H9xoB8QSbGcW1-jSVLWjn1AEk-md-N7ELBWlXgoApfLS1qaGc0LxHquWoHofF8mXwzCLQiX0gSJ_vf5ZQDEZa39dBsvcf1SAGPrGhL3nZMkVcTREfZADe77LpN2B2LfXFPIm9-MQ";
const U: &str = "bPIZf6y5xqFSyqo_drgH6UK2DrxDSZtN7hHipxxlYuqwA3R5U689k5JpEvaordEpB-CSOAFDmhNS3qHlgfPXW0dnVzK2gUGS5Ph946wFnz0VdJmWuMziF1w7WnfA0zFvtW5o8sJm_7zr9upHBN99xEHRU8OD13nCNA0i4rR-czs";
/// Its public exponent.
const E: u32 = 17;

/// The bytes of a session's id.
const SID_BYTES: usize = 43;
/// The bytes of what is encrypted: less than the modulus has.
const MESSAGE_BYTES: usize = 255;

pub(super) struct Account {
    email: String,
    /// What encrypts the master key, and what proves that the password is known.
    derived: [u8; 32],
    sessions: HashSet<String>,
    pub(super) is_full: bool,
}

pub(super) fn encode(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

fn wrap(key: &[u8], blocks: &mut [u8]) {
    let aes = Aes128::new(key.into());
    blocks.chunks_exact_mut(16).for_each(|block| aes.encrypt_block(block.into()));
}

fn integer(text: &str) -> BigUint {
    BigUint::from_bytes_be(&BASE64_URL_SAFE_NO_PAD.decode(text).unwrap())
}

/// A number behind its length in bits.
fn number(number: &BigUint) -> Vec<u8> {
    let bits = u16::try_from(number.bits()).unwrap();
    [bits.to_be_bytes().to_vec(), number.to_bytes_be()].concat()
}

impl Account {
    pub(super) fn new(email: &str, password: &str) -> Self {
        let mut derived = [0; 32];
        pbkdf2::pbkdf2_hmac::<Sha512>(password.as_bytes(), SALT, ROUNDS, &mut derived);
        Self { email: email.to_owned(), derived, sessions: HashSet::new(), is_full: false }
    }

    pub(super) fn greet(&self, email: &Value) -> Value {
        if email == &self.email { json!({ "v": 2, "s": encode(SALT) }) } else { json!(-9) }
    }

    pub(super) fn sign_in(&mut self, email: &Value, proof: &Value) -> Value {
        if email != &self.email || proof != &encode(&self.derived[16..]) {
            return json!(-9);
        }
        let mut sid = [0; SID_BYTES];
        sid.fill_with(|| fastrand::u8(1..));
        self.sessions.insert(encode(sid));
        let mut key = MASTER;
        wrap(&self.derived[..16], &mut key);
        let csid = encode(number(&encrypted(&sid)));
        json!({ "csid": csid, "privk": encode(private_key()), "k": encode(key), "u": super::files::USER, "ach": 1, "sek": encode([0; 16]) })
    }

    pub(super) fn has(&self, sid: Option<&String>) -> bool {
        sid.is_some_and(|sid| self.sessions.contains(sid))
    }

    pub(super) fn end_sessions(&mut self) {
        self.sessions.clear();
    }
}

fn encrypted(sid: &[u8]) -> BigUint {
    let mut message = sid.to_vec();
    message.resize_with(MESSAGE_BYTES, || fastrand::u8(..));
    let modulus = integer(P) * integer(Q);
    BigUint::from_bytes_be(&message).modpow(&E.into(), &modulus)
}

fn private_key() -> Vec<u8> {
    let mut key: Vec<u8> = [P, Q, D, U].into_iter().flat_map(|text| number(&integer(text))).collect();
    key.resize(key.len().next_multiple_of(16), 0);
    wrap(&MASTER, &mut key);
    key
}
