//! Hashes that other systems made.
//!
//! Invariant: a hash that was imported can be verified, at a cost that a sign-in may be allowed to burn: anyone who knows
//! the address makes the server pay it, until the owner's first sign-in upgrades the hash.

use std::ops::RangeInclusive;

use argon2::{Algorithm, Params, Version, password_hash::phc};
use portico_kernel::Invalid;

use crate::PasswordHash;

/// Bcrypt's cost: the binary logarithm of its rounds.
const BCRYPT_COST: RangeInclusive<u32> = 4..=15;
/// Memory of argon2, in KiB.
const MEMORY_MAX_KIB: u32 = 256 * 1024;
/// Passes over it, and lanes.
const PASSES_MAX: u32 = 16;

impl PasswordHash {
    /// Checks a hash that another system made: argon2 in the PHC string format, or bcrypt (`$2a$`, `$2b$`, `$2y$`).
    ///
    /// # Errors
    /// The importer's: `unknown_hash` for any other, `too_costly` for one that would make each sign-in a burden.
    pub fn import(text: &str) -> Result<Self, Invalid> {
        let costs_little = if is_bcrypt(text) { bcrypt_costs_little(text) } else { argon2_costs_little(text) };
        match costs_little {
            Some(true) => Ok(Self::new(text)),
            Some(false) => Err(Invalid::new("too_costly", "must cost at most 256 MiB, 16 passes, or bcrypt's cost 15")),
            None => {
                Err(Invalid::new("unknown_hash", "must be argon2 (PHC string format) or bcrypt ($2a$, $2b$, $2y$)"))
            }
        }
    }
}

pub(crate) fn is_bcrypt(hash: &str) -> bool {
    // $2x$ marks hashes of a broken implementation, which this one does not repeat.
    ["$2a$", "$2b$", "$2y$"].iter().any(|prefix| hash.starts_with(prefix))
}

fn bcrypt_costs_little(hash: &str) -> Option<bool> {
    let parts: bcrypt::HashParts = hash.parse().ok()?;
    Some(BCRYPT_COST.contains(&parts.get_cost()))
}

fn argon2_costs_little(hash: &str) -> Option<bool> {
    let phc = parse(hash).ok()?;
    Algorithm::try_from(phc.algorithm.as_str()).ok()?;
    phc.version.and_then(|version| Version::try_from(version).ok())?;
    let (_, _, params) = (phc.salt?, phc.hash?, Params::try_from(&phc).ok()?);
    Some(params.m_cost() <= MEMORY_MAX_KIB && params.t_cost() <= PASSES_MAX && params.p_cost() <= PASSES_MAX)
}

/// Reads a PHC string. One without a version is of argon2's first, as its reference implementation has it.
pub(crate) fn parse(hash: &str) -> Result<phc::PasswordHash, phc::Error> {
    let mut phc = phc::PasswordHash::new(hash)?;
    phc.version.get_or_insert(Version::V0x10.into());
    Ok(phc)
}
