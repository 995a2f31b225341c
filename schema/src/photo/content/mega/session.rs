//! Signing in: what a password opens.
//!
//! Invariant: the password leaves the process as a proof alone. The account's RSA key opens the one thing that Mega encrypted by
//! it, the session's id.

use num_bigint::BigUint;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::json;
use sha2::Sha512;

use super::{
    api::Api,
    crypto::{BLOCK, Key, decode, encode, unwrap},
    error::Error,
};

/// Of PBKDF2; Mega's own.
const ROUNDS: u32 = 100_000;
/// The bytes of a session's id; the rest of what was encrypted fills up.
const SID_BYTES: usize = 43;
/// How Mega signs accounts in since 2018.
const VERSION: i64 = 2;

/// What is asked within.
pub(super) struct Session {
    sid: SecretString,
    /// What encrypts the keys of all files and folders.
    pub(super) master: Key,
}

impl Session {
    pub(super) fn sid(&self) -> &str {
        self.sid.expose_secret()
    }
}

#[derive(Deserialize)]
struct Greeting {
    v: i64,
    #[serde(default)]
    s: String,
}

#[derive(Deserialize)]
struct SignedIn {
    csid: String,
    privk: String,
    k: String,
}

/// Signs in, once.
///
/// # Errors
/// Mega's; [`Error::is_absent`] when e-mail address or password are wrong.
pub(super) async fn sign_in(api: &Api, email: &SecretString, password: &SecretString) -> Result<Session, Error> {
    let email = email.expose_secret().trim().to_lowercase();
    let greeting: Greeting = api.call(None, &json!({ "a": "us0", "user": email })).await?;
    if greeting.v != VERSION {
        return Err(Error::OldAccount(greeting.v));
    }
    let (key, proof) = derive(password.clone(), decode(&greeting.s)?).await?;
    let told: SignedIn = api.call(None, &json!({ "a": "us", "user": email, "uh": encode(proof) })).await?;
    let mut master: Key = decode(&told.k)?.try_into().map_err(|_| Error::Strange("a master key"))?;
    unwrap(&key, &mut master);
    let mut private = decode(&told.privk)?;
    unwrap(&master, &mut private);
    Ok(Session { sid: session_id(&decode(&told.csid)?, &private)?.into(), master })
}

/// What encrypts the master key, and what proves to Mega that the password is known.
async fn derive(password: SecretString, salt: Vec<u8>) -> Result<(Key, Key), Error> {
    let derive = move || {
        let mut both = [0; 2 * BLOCK];
        pbkdf2::pbkdf2_hmac::<Sha512>(password.expose_secret().as_bytes(), &salt, ROUNDS, &mut both);
        let half = |from: usize| both[from..from + BLOCK].try_into().expect("it has the bytes of a key");
        (half(0), half(BLOCK))
    };
    tokio::task::spawn_blocking(derive).await.map_err(|_| Error::Strange("a salt"))
}

/// Decrypts the id by the account's private key: its primes and its exponent.
fn session_id(encrypted: &[u8], private: &[u8]) -> Result<String, Error> {
    let (encrypted, _) = number(encrypted)?;
    let (p, rest) = number(private)?;
    let (q, rest) = number(rest)?;
    let (d, _) = number(rest)?;
    let modulus = p * q;
    if modulus == BigUint::ZERO {
        return Err(Error::Strange("an RSA key"));
    }
    let id = encrypted.modpow(&d, &modulus).to_bytes_be();
    Ok(encode(id.get(..SID_BYTES).ok_or(Error::Strange("a session's id"))?))
}

/// A number that is preceded by its length in bits, and what follows it.
fn number(bytes: &[u8]) -> Result<(BigUint, &[u8]), Error> {
    const SHORT: Error = Error::Strange("an RSA key");
    let (bits, rest) = bytes.split_at_checked(2).ok_or(SHORT)?;
    let bits = usize::from(u16::from_be_bytes([bits[0], bits[1]]));
    let (number, rest) = rest.split_at_checked(bits.div_ceil(8)).ok_or(SHORT)?;
    Ok((BigUint::from_bytes_be(number), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_is_cut_short_is_strange() {
        for cut in [&[][..], &[0], &[0, 9, 1]] {
            assert!(matches!(number(cut), Err(Error::Strange(_))), "{cut:?}");
        }
    }

    #[test]
    fn a_key_without_primes_is_strange() {
        assert!(matches!(session_id(&[0, 1, 1], &[0; 6]), Err(Error::Strange(_))));
    }
}
