//! Whatever many clients do at the same moment, each answer is one that some order explains. The short version of
//! `./just histories`.

use std::{env, sync::Arc};

use portico_tests::{
    binary,
    crash::{Findings, Table},
    histories::{Plan, run},
};

/// How many histories there are, unless the environment says otherwise.
const HISTORIES: u32 = 50;
const SEED: u64 = 1;

/// A number from the environment.
fn number<T: std::str::FromStr>(variable: &str, default: T) -> T {
    env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[test]
fn every_answer_is_explained_by_some_order_of_what_was_done_at_once() {
    let findings: Arc<Findings> = Arc::default();
    let (seed, histories) = (number("PORTICO_SEED", SEED), number("PORTICO_HISTORIES", HISTORIES));

    run(&Plan { binary: binary().to_owned(), seed, histories, talks: false }, &findings);

    println!("{}", Table(&findings));
    assert!(findings.violations().is_empty(), "{}", findings.violations().join("\n"));
    for raced in ["register: 409 email_taken", "upload: 409 photo_quota_reached", "verify: 401 session_dead"] {
        assert!(findings.counted(raced) > 0, "nothing came to this: {raced}");
    }
}
