//! Any text as an address, a name, a password, or the hash of another system. `./just fuzz` searches on from the corpus.

use portico_user::{Email, Name, Password, PasswordHash};

#[test]
fn an_address_is_refused_or_reads_back_as_itself() {
    bolero::check!().for_each(|bytes: &[u8]| {
        let Ok(text) = std::str::from_utf8(bytes) else { return };
        let Ok(email) = Email::parse(text) else { return };

        assert_eq!(email.as_str(), text.trim());
        assert!(email.as_str().is_ascii() && email.as_str().len() <= Email::MAX_LENGTH);
        assert_eq!(email.key(), Email::parse(&email.key()).expect("its key is an address").key());
    });
}

#[test]
fn a_name_is_refused_or_reads_back_as_itself() {
    bolero::check!().for_each(|bytes: &[u8]| {
        let Ok(text) = std::str::from_utf8(bytes) else { return };
        let Ok(name) = Name::parse(text) else { return };

        assert_eq!(Name::parse(name.as_str()).expect("it is a name"), name);
        assert!((1..=Name::MAX_LENGTH).contains(&name.as_str().chars().count()));
        assert!(!name.as_str().chars().any(char::is_control));
    });
}

#[test]
fn a_password_is_refused_or_normalised_once_for_all() {
    bolero::check!().for_each(|bytes: &[u8]| {
        let Ok(text) = std::str::from_utf8(bytes) else { return };
        let Ok(password) = Password::parse(text) else { return };

        let again = Password::parse(password.expose()).expect("it is a password");
        assert_eq!(again.expose(), password.expose());
        assert!((1..=Password::MAX_LENGTH).contains(&password.length()));
    });
}

#[test]
fn a_hash_of_another_system_is_refused_or_bounded_in_cost() {
    bolero::check!().for_each(|bytes: &[u8]| {
        let Ok(text) = std::str::from_utf8(bytes) else { return };
        if PasswordHash::import(text).is_err() {
            return;
        }

        let dollars = text.matches('$').count();
        assert!(text.starts_with("$2") || text.starts_with("$argon2"), "{text}");
        assert!((3..=5).contains(&dollars), "{text}");
    });
}
