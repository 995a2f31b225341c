//! Proving that the owner asks, and what an operator does for one who no longer can: a one-time password, or the end of
//! all sessions.

use portico_kernel::UserId;
use portico_session::{EnsureRevocable, RaiseEpoch};
use zeroize::Zeroizing;

use super::{ATTEMPTS_MAX, Ports};
use crate::{Account, Changed, Email, Error, OneTime, Password, PasswordHash, Verdict, updated};

/// Crockford's base 32 in lower case: no letter that is mistaken for a digit.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// How many characters a new password has: 150 bits, in groups of six.
const RANDOM_LENGTH: usize = 30;

/// The hash that a presented password was verified against: while an account keeps it, it need not be verified again.
#[derive(Default)]
pub(super) struct Proof(Option<PasswordHash>);

impl Ports {
    /// Checks that `password` is the account's.
    pub(super) async fn prove(&self, proof: &mut Proof, account: &Account, password: &Password) -> Result<(), Error> {
        if proof.0.as_ref() == Some(&account.password) {
            return Ok(());
        }
        match self.hasher.verify(password, Some(&account.password)).await? {
            Verdict::Right | Verdict::RightButDated => {
                proof.0 = Some(account.password.clone());
                Ok(())
            }
            Verdict::Wrong => Err(Error::WrongPassword),
        }
    }

    pub(super) async fn reset_password(&self, email: &Email) -> Result<Password, Error> {
        let password = random_password();
        let hash = self.hasher.hash(&password).await?;
        self.end_sessions(email, Some(&hash)).await?;
        Ok(password)
    }

    /// Ends all sessions of an account, and replaces its password if there is a one-time one; answers whose.
    pub(super) async fn end_sessions(&self, email: &Email, password: Option<&PasswordHash>) -> Result<UserId, Error> {
        for _ in 0..ATTEMPTS_MAX {
            let mut account = self.store.find_by_email(email).await?.ok_or(Error::Unknown)?;
            let (user, now) = (account.user.id, self.clock.now());
            self.ensure_revocable.ask(EnsureRevocable { user }).await?;
            if let Some(password) = password {
                account.password = password.clone();
                account.one_time = Some(OneTime::given_at(now));
            }
            account.epoch += 1;
            account.user.version += 1;
            account.user.updated_at = now;
            let changed = self.store.update(&account, &updated(&account, now)).await;
            match self.settled(&account.user, changed).await? {
                Changed::Done => {
                    tracing::info!(user.id = %user, "account's sessions ended by an operator");
                    if password.is_some() {
                        tracing::info!(user.id = %user, "one-time password given by an operator");
                    }
                    self.profiles.publish(&account.user).await;
                    self.raise_epoch.ask(RaiseEpoch { user, epoch: account.epoch }).await?;
                    return Ok(user);
                }
                Changed::Stale => {}
                Changed::EmailTaken => return Err(Error::EmailTaken),
            }
        }
        Err(Error::Conflict)
    }
}

fn random_password() -> Password {
    let mut random = Zeroizing::new([0; RANDOM_LENGTH]);
    getrandom::fill(random.as_mut_slice()).expect("the operating system has a random source");
    let mut text = Zeroizing::new(String::with_capacity(RANDOM_LENGTH * 2));
    for (position, byte) in random.iter().enumerate() {
        if position > 0 && position % 6 == 0 {
            text.push('-');
        }
        text.push(char::from(ALPHABET[usize::from(byte % 32)]));
    }
    Password::parse(&text).expect("a random password is short and not empty")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_random_password_is_long_and_easy_to_read_out() {
        let (one, other) = (random_password(), random_password());

        assert_eq!(one.expose().split('-').map(str::len).collect::<Vec<_>>(), [6, 6, 6, 6, 6]);
        assert!(one.expose().bytes().all(|byte| byte == b'-' || ALPHABET.contains(&byte)));
        assert_ne!(one.expose(), other.expose());
    }
}
