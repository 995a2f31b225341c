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

#[cfg(feature = "distributed")]
mod over_nodes {
    use portico_tests::{
        Servers,
        histories::nodes::{Cache, Plan, SERVERS, run},
    };

    use super::{Arc, Findings, SEED, Table, binary, number};

    /// Rounds, unless the environment says otherwise: a calm one, one on an island, one with a frozen way between nodes.
    const ROUNDS: usize = 3;

    async fn hold(cache: Cache) {
        let (findings, seed) = (Arc::<Findings>::default(), number("PORTICO_SEED", SEED));
        let rounds = number("PORTICO_ROUNDS", ROUNDS);

        let plan = Plan { binary: binary().to_owned(), seed, rounds, cache, talks: false };
        let latest = run(&plan, &Servers::shared(&SERVERS), &findings).await;

        println!("{}\n  accepted {latest:?} after an acknowledged end at the latest", Table(&findings));
        assert!(findings.violations().is_empty(), "{}", findings.violations().join("\n"));
        for met in ["verify: 204", "verify: 401 session_dead", "revoke: 204", "log out: 204"] {
            assert!(findings.counted(met) > 0, "nothing came to this: {met}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn without_a_cache_sessions_are_linearizable_though_a_way_is_frozen() {
        hold(Cache::Off).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn with_a_cache_no_session_is_accepted_a_lease_after_its_end_was_acknowledged() {
        hold(Cache::Tracked).await;
    }
}
