//! Hashes and verifies passwords, away from the actors' threads.
//!
//! Invariant: a password that is presented for no account costs what a wrong one costs: the same queue, the same pool and
//! a hash with the current parameters. Hashes that another system made verify as they did there.

mod memory;

use std::{fmt, sync::Arc};

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{self, PasswordVerifier as _, phc},
};
use portico_kernel::{Invalid, Pool, PoolError};

use self::memory::{Claim, Memory};
use crate::{
    Error, Password, PasswordHash,
    imported::{is_bcrypt, parse},
};

/// What a hash costs (argon2id, RFC 9106). The default is OWASP's (Password Storage Cheat Sheet).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HashParams {
    /// Memory, in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub iterations: u32,
    /// Lanes; they are computed one after the other here.
    pub parallelism: u32,
}

impl Default for HashParams {
    fn default() -> Self {
        Self { memory_kib: 19_456, iterations: 2, parallelism: 1 }
    }
}

/// Whether a password is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is not, or there is no account.
    Wrong,
    /// It is.
    Right,
    /// It is, and its hash should be replaced by a better one.
    RightButDated,
}

/// Hashes and verifies on a pool of its own. Cheap to clone.
#[derive(Clone)]
pub struct Hasher {
    pool: Pool,
    scheme: Arc<Scheme>,
}

impl Hasher {
    /// Hashes with `params` on `pool`, whose bound is what refuses a storm of sign-ins.
    ///
    /// # Errors
    /// The operator's: parameters that argon2 does not know.
    pub fn new(params: HashParams, pool: Pool) -> Result<Self, Invalid> {
        Ok(Self { pool, scheme: Arc::new(Scheme::new(params)?) })
    }

    /// A new hash of `password`.
    ///
    /// # Errors
    /// [`Error::HashingOverloaded`] when too many passwords wait.
    pub async fn hash(&self, password: &Password) -> Result<PasswordHash, Error> {
        let (scheme, claim, password) = (Arc::clone(&self.scheme), self.scheme.memory.claim(), password.clone());
        self.pool.run(move || scheme.hash(&password, &claim)).await?
    }

    /// Whether `password` is the one that `hash` was made of; without a hash it is wrong, in the same time.
    ///
    /// # Errors
    /// [`Error::HashingOverloaded`] when too many passwords wait, [`Error::Hashing`] for a damaged hash.
    pub async fn verify(&self, password: &Password, hash: Option<&PasswordHash>) -> Result<Verdict, Error> {
        let (scheme, claim) = (Arc::clone(&self.scheme), self.scheme.memory.claim());
        let (password, hash) = (password.clone(), hash.cloned());
        self.pool.run(move || scheme.verify(&password, hash.as_ref(), &claim)).await?
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hasher").field("params", self.scheme.argon2.params()).finish_non_exhaustive()
    }
}

impl From<PoolError> for Error {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Overloaded => Self::HashingOverloaded,
            PoolError::Crashed => Self::Hashing,
        }
    }
}

/// The current algorithm and parameters, with a hash under them that no password matches.
struct Scheme {
    argon2: Argon2<'static>,
    dummy: PasswordHash,
    memory: Memory,
}

impl Scheme {
    fn new(HashParams { memory_kib, iterations, parallelism }: HashParams) -> Result<Self, Invalid> {
        let unknown = |_| Invalid::new("out_of_range", "must be parameters that argon2 knows (RFC 9106, section 3.1)");
        let params = Params::new(memory_kib, iterations, parallelism, None).map_err(unknown)?;
        let dummy = dummy(&params);
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        Ok(Self { argon2, dummy, memory: Memory::default() })
    }

    fn hash(&self, password: &Password, claim: &Claim) -> Result<PasswordHash, Error> {
        let salt = phc::Salt::generate();
        let output = self.output(password.expose(), &salt, Params::DEFAULT_OUTPUT_LEN, claim)?;
        Ok(PasswordHash::new(in_phc(self.argon2.params(), salt, output).to_string()))
    }

    /// A hash that was imported may have been made of the password as it was typed, before it was normalised.
    fn verify(&self, password: &Password, hash: Option<&PasswordHash>, claim: &Claim) -> Result<Verdict, Error> {
        let hash = Made::read(hash.unwrap_or(&self.dummy).expose(), self.argon2.params())?;
        if self.matches(password.expose(), &hash, claim)? {
            Ok(if matches!(hash, Made::AsToday { .. }) { Verdict::Right } else { Verdict::RightButDated })
        } else if password.as_typed() != password.expose() && self.matches(password.as_typed(), &hash, claim)? {
            Ok(Verdict::RightButDated)
        } else {
            Ok(Verdict::Wrong)
        }
    }

    fn matches(&self, password: &str, hash: &Made<'_>, claim: &Claim) -> Result<bool, Error> {
        match hash {
            // Cuts the password at 72 bytes, as the systems did that such hashes come from.
            Made::ByBcrypt(hash) => bcrypt::verify(password, hash).map_err(|_| Error::Hashing),
            Made::Otherwise(phc) => match self.argon2.verify_password(password.as_bytes(), phc) {
                Ok(()) => Ok(true),
                Err(password_hash::Error::PasswordInvalid) => Ok(false),
                Err(_) => Err(Error::Hashing),
            },
            // `Output` compares in constant time.
            Made::AsToday { salt, output } => Ok(self.output(password, salt, output.len(), claim)? == *output),
        }
    }

    fn output(&self, password: &str, salt: &[u8], length: usize, claim: &Claim) -> Result<phc::Output, Error> {
        let mut output = [0; phc::Output::MAX_LENGTH];
        let output = output.get_mut(..length).ok_or(Error::Hashing)?;
        let made = claim.lend(self.argon2.params().block_count(), |blocks| {
            self.argon2.hash_password_into_with_memory(password.as_bytes(), salt, output, blocks)
        });
        made.map_err(|_| Error::Hashing)?;
        phc::Output::new(output).map_err(|_| Error::Hashing)
    }
}

/// How a hash was made.
enum Made<'a> {
    /// As it would be made today. One that costs more was not: its time would tell it apart.
    AsToday {
        salt: phc::Salt,
        output: phc::Output,
    },
    /// With argon2, and other parameters or another variant of it.
    Otherwise(phc::PasswordHash),
    ByBcrypt(&'a str),
}

impl<'a> Made<'a> {
    fn read(hash: &'a str, today: &Params) -> Result<Self, Error> {
        if is_bcrypt(hash) {
            return Ok(Self::ByBcrypt(hash));
        }
        let phc = parse(hash).map_err(|_| Error::Hashing)?;
        Ok(match (phc.salt, phc.hash) {
            (Some(salt), Some(output)) if is_current(&phc, today) => Self::AsToday { salt, output },
            _ => Self::Otherwise(phc),
        })
    }
}

fn is_current(phc: &phc::PasswordHash, today: &Params) -> bool {
    let costs = |params: &Params| (params.m_cost(), params.t_cost(), params.p_cost());
    phc.algorithm == argon2::ARGON2ID_IDENT
        && phc.version == Some(Version::V0x13.into())
        && Params::try_from(phc).is_ok_and(|params| costs(&params) == costs(today) && params.data().is_empty())
}

/// A hash of random bytes instead of a password's: to verify against it costs the same and never succeeds.
fn dummy(params: &Params) -> PasswordHash {
    let mut output = [0; Params::DEFAULT_OUTPUT_LEN];
    getrandom::fill(&mut output).expect("the operating system has a random source");
    let output = phc::Output::new(&output).expect("32 bytes are an output");
    PasswordHash::new(in_phc(params, phc::Salt::generate(), output).to_string())
}

/// An argon2id hash in the PHC string format.
fn in_phc(params: &Params, salt: phc::Salt, output: phc::Output) -> phc::PasswordHash {
    phc::PasswordHash {
        algorithm: argon2::ARGON2ID_IDENT,
        version: Some(Version::V0x13.into()),
        params: phc::ParamsString::try_from(params).expect("three numbers fit into a PHC string"),
        salt: Some(salt),
        hash: Some(output),
    }
}

#[cfg(test)]
mod tests;
