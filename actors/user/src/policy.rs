//! Which passwords may be newly chosen (NIST SP 800-63B-4, section 3.1.1.2; OWASP ASVS 5.0, V6.2).
//!
//! There is a least length and no rule of composition; what is common or personal is refused, since it is guessed first.

use std::{collections::HashSet, sync::LazyLock};

use portico_kernel::Invalid;
use zeroize::Zeroizing;

use crate::{Email, Name, Password};

/// Common passwords in lower case, one a line; source and licence stand beside the file.
static COMMON: LazyLock<HashSet<&str>> =
    LazyLock::new(|| include_str!("../assets/common-passwords.txt").lines().collect());

/// The rules for a newly chosen password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordPolicy {
    min_length: usize,
}

impl PasswordPolicy {
    /// The shortest minimum that may be configured, in characters.
    pub const LEAST_MIN_LENGTH: usize = 8;

    /// Asks for at least `min_length` characters.
    ///
    /// # Errors
    /// The operator's: `out_of_range` for a minimum below 8 or above the longest password.
    pub fn new(min_length: usize) -> Result<Self, Invalid> {
        if (Self::LEAST_MIN_LENGTH..=Password::MAX_LENGTH).contains(&min_length) {
            Ok(Self { min_length })
        } else {
            Err(Invalid::new("out_of_range", "must be 8 to 128"))
        }
    }

    /// Checks the password that the user of this name and address chose.
    ///
    /// # Errors
    /// The client's: `too_short`, `too_common` or `too_personal`.
    pub fn check(&self, password: &Password, name: &Name, email: &Email) -> Result<(), Invalid> {
        let text = Zeroizing::new(password.expose().to_lowercase());
        if password.length() < self.min_length {
            Err(Invalid::new("too_short", format!("must be at least {} characters long", self.min_length)))
        } else if COMMON.contains(text.as_str()) {
            Err(Invalid::new("too_common", "must not be among the passwords that are guessed first"))
        } else if is_personal(&text, name, email) {
            Err(Invalid::new("too_personal", "must not be the name or the e-mail address"))
        } else {
            Ok(())
        }
    }
}

impl Default for PasswordPolicy {
    fn default() -> Self {
        Self { min_length: Self::LEAST_MIN_LENGTH }
    }
}

fn is_personal(text: &str, name: &Name, email: &Email) -> bool {
    let email = email.key();
    let local = email.rsplit_once('@').map(|(local, _)| local);
    text == email || Some(text) == local || text == name.as_str().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(password: &str) -> Result<(), &'static str> {
        let (name, email) = (Name::parse("Anna Example").unwrap(), Email::parse("Anna.Example@example.com").unwrap());
        let password = Password::parse(password).unwrap();
        PasswordPolicy::new(10).unwrap().check(&password, &name, &email).map_err(|invalid| invalid.code)
    }

    #[test]
    fn a_password_is_refused_for_being_short_common_or_personal_and_for_nothing_else() {
        assert_eq!(verdict("qv7 kt2 x"), Err("too_short"));
        assert_eq!(verdict("qwertyuiop"), Err("too_common"));
        assert_eq!(verdict("QwertyUIOP"), Err("too_common"), "whatever the case");
        assert_eq!(verdict("ｑｗｅｒｔｙｕｉｏｐ"), Err("too_common"), "whatever the width");
        assert_eq!(verdict("anna.example@EXAMPLE.com"), Err("too_personal"));
        assert_eq!(verdict("anna.example"), Err("too_personal"));
        assert_eq!(verdict("ANNA EXAMPLE"), Err("too_personal"));
        assert_eq!(verdict("aaaaaaaaab"), Ok(()));
        assert_eq!(verdict("пароль-пароль"), Ok(()));
    }

    #[test]
    fn length_counts_characters_not_bytes() {
        assert_eq!(verdict("ééééééééé"), Err("too_short"));
        assert_eq!(verdict("éééééééééé"), Ok(()));
    }

    #[test]
    fn a_minimum_below_eight_is_the_operators_mistake() {
        assert_eq!(PasswordPolicy::new(7).unwrap_err().code, "out_of_range");
        assert_eq!(PasswordPolicy::new(129).unwrap_err().code, "out_of_range");
        assert!(PasswordPolicy::new(15).is_ok());
    }

    #[test]
    fn the_list_holds_thousands_of_lower_case_passwords_that_the_length_lets_through() {
        let fits = |line: &&str| line.len() >= PasswordPolicy::LEAST_MIN_LENGTH && **line == line.to_lowercase();

        assert!(COMMON.len() > 8_000);
        assert!(COMMON.iter().all(fits));
    }
}
