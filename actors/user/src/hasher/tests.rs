//! Hashes of today, of yesterday and of other systems.

use argon2::password_hash::PasswordHasher as _;

use super::*;

const CHEAP: HashParams = HashParams { memory_kib: 64, iterations: 2, parallelism: 1 };

fn scheme() -> Scheme {
    Scheme::new(CHEAP).unwrap()
}

fn verdict(password: &str, hash: &str) -> Verdict {
    verify(&scheme(), password, Some(&PasswordHash::import(hash).unwrap())).unwrap()
}

fn verify(scheme: &Scheme, password: &str, hash: Option<&PasswordHash>) -> Result<Verdict, Error> {
    scheme.verify(&Password::parse(password).unwrap(), hash, &scheme.memory.claim())
}

fn hash(scheme: &Scheme, password: &str) -> PasswordHash {
    scheme.hash(&Password::parse(password).unwrap(), &scheme.memory.claim()).unwrap()
}

#[test]
fn the_default_is_what_owasp_advises() {
    assert_eq!(HashParams::default(), HashParams { memory_kib: 19 * 1024, iterations: 2, parallelism: 1 });
}

#[test]
fn a_new_hash_verifies_its_password_and_no_other_and_is_current() {
    let hash = hash(&scheme(), "tide pool lantern");

    assert!(hash.expose().starts_with("$argon2id$v=19$m=64,t=2,p=1$"));
    assert_eq!(verdict("tide pool lantern", hash.expose()), Verdict::Right);
    assert_eq!(verdict("tide pool lanterns", hash.expose()), Verdict::Wrong);
}

#[test]
fn what_is_verified_without_an_account_costs_what_a_new_hash_costs() {
    let scheme = scheme();
    let password = "tide pool lantern";

    let (dummy, hash) = (parse(scheme.dummy.expose()).unwrap(), hash(&scheme, password));
    let hash = parse(hash.expose()).unwrap();

    assert_eq!((dummy.algorithm, dummy.version, &dummy.params), (hash.algorithm, hash.version, &hash.params));
    assert_eq!(dummy.salt.unwrap().len(), hash.salt.unwrap().len());
    assert_eq!(dummy.hash.unwrap().len(), hash.hash.unwrap().len());
    assert_eq!(verify(&scheme, password, None).unwrap(), Verdict::Wrong);
}

#[test]
fn what_one_password_left_in_memory_changes_no_other_hash() {
    let scheme = scheme();
    let claim = scheme.memory.claim(); // keeps the memory

    let first = hash(&scheme, "tide pool lantern");
    let second = hash(&scheme, "reed warbler");

    assert_eq!(verify(&scheme, "tide pool lantern", Some(&first)).unwrap(), Verdict::Right);
    assert_eq!(verify(&self::scheme(), "reed warbler", Some(&second)).unwrap(), Verdict::Right);
    drop(claim);
}

#[test]
fn a_hash_of_another_length_or_with_associated_data_verifies() {
    for params in [(Some(16), &b""[..]), (None, b"data")] {
        let mut of = argon2::ParamsBuilder::new();
        of.m_cost(64).t_cost(2).p_cost(1);
        if let Some(length) = params.0 {
            of.output_len(length);
        }
        of.data(argon2::AssociatedData::new(params.1).unwrap());
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, of.build().unwrap());
        let hash = argon2.hash_password_with_salt(b"tide pool", b"salt of a lake").unwrap();

        assert_ne!(verdict("tide pool", &hash.to_string()), Verdict::Wrong);
        assert_eq!(verdict("tide pools", &hash.to_string()), Verdict::Wrong);
    }
}

#[test]
fn a_hash_with_other_parameters_verifies_and_is_dated_whether_it_costs_less_or_more() {
    for params in [HashParams { memory_kib: 32, ..CHEAP }, HashParams { iterations: 3, ..CHEAP }] {
        let hash = hash(&Scheme::new(params).unwrap(), "tide pool");

        assert_eq!(verdict("tide pool", hash.expose()), Verdict::RightButDated);
        assert_eq!(verdict("tide pools", hash.expose()), Verdict::Wrong);
    }
}

#[test]
fn hashes_of_the_reference_implementations_verify_and_are_dated() {
    // argon2i without a version is argon2's first (phc-winner-argon2, test.c); the bcrypt ones are of openwall's crypt_blowfish.
    for (password, hash) in [
        ("password", "$argon2i$m=65536,t=2,p=1$c29tZXNhbHQ$9sTbSlTio3Biev89thdrlKKiCaYsjjYVJxGAL3swxpQ"),
        ("password", "$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$wWKIMhR9lyDFvRz9YTZweHKfbftvj+qf+YFY4NeBbtA"),
        ("password", "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"),
        ("U*U*U", "$2a$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a"),
        ("U*U", "$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"),
    ] {
        assert_eq!(verdict(password, hash), Verdict::RightButDated, "{hash}");
        assert_eq!(verdict("another", hash), Verdict::Wrong, "{hash}");
    }
}

#[test]
fn bcrypt_reads_72_bytes_of_a_password_as_the_original_did() {
    let hash = bcrypt::hash("x".repeat(72), 4).unwrap();

    assert_eq!(verdict(&"x".repeat(100), &hash), Verdict::RightButDated);
    assert_eq!(verdict(&"x".repeat(71), &hash), Verdict::Wrong);
}

#[test]
fn a_password_that_another_system_hashed_as_it_was_typed_verifies() {
    let typed = "ﬁfty ½ ways"; // NFKC makes of it "fifty 1⁄2 ways"
    let hash = bcrypt::hash(typed, 4).unwrap();

    assert_eq!(verdict(typed, &hash), Verdict::RightButDated);
    assert_eq!(verdict("fifty 1⁄2 ways", &hash), Verdict::Wrong);
}

#[test]
fn only_hashes_that_can_be_verified_at_a_bearable_cost_are_imported() {
    let code = |hash: &str| PasswordHash::import(hash).unwrap_err().code;
    let tail = "$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";

    assert_eq!(code(""), "unknown_hash");
    assert_eq!(code("hunter2"), "unknown_hash");
    assert_eq!(code("$2x$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"), "unknown_hash");
    assert_eq!(code("$2b$05$short"), "unknown_hash");
    assert_eq!(code("$pbkdf2-sha256$i=1000$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"), "unknown_hash");
    assert_eq!(code("$argon2id$v=19$m=64,t=2,p=1$c29tZXNhbHQ"), "unknown_hash");
    assert_eq!(code(&format!("$argon2id$v=19$m=4194304,t=2,p=1{tail}")), "too_costly");
    assert_eq!(code(&format!("$argon2id$v=19$m=64,t=999,p=1{tail}")), "too_costly");
    assert_eq!(code("$2b$31$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"), "too_costly");
}

#[test]
fn a_damaged_hash_is_the_servers_fault_and_no_wrong_password() {
    let damaged = PasswordHash::new("$argon2id$v=19$m=64,t=2,p=1$!");

    let error = verify(&scheme(), "x", Some(&damaged)).unwrap_err();

    assert!(matches!(error, Error::Hashing));
}

#[test]
fn parameters_that_argon2_does_not_know_are_refused() {
    for params in [HashParams { memory_kib: 1, ..CHEAP }, HashParams { iterations: 0, ..CHEAP }] {
        assert!(Scheme::new(params).is_err());
    }
}
