//! The attacks of `just abuse`, short: whatever they try, nobody is let in and nothing falls over.
//!
//! What an attack tries and expects stands with it, in `src/abuse`. Times and memory are judged by the full run alone.

use portico_tests::abuse::{ATTACKS, Extent, Ledger};

/// Runs an attack and demands that every trial of it passed.
async fn withstand(name: &'static str) {
    let ledger = Ledger::new(name);
    let attack = ATTACKS.iter().find(|attack| attack.name == name).expect("there is such an attack");

    (attack.run)(Extent::Short, ledger.clone()).await;

    ledger.assert_passed();
}

#[tokio::test]
async fn no_session_is_chosen_kept_or_presented_where_it_does_not_count() {
    withstand("sessions").await;
}

#[tokio::test]
async fn no_unsafe_route_is_open_to_another_site() {
    withstand("crossing").await;
}

#[tokio::test]
async fn nobody_is_told_what_host_or_address_the_node_has() {
    withstand("hosts").await;
}

#[tokio::test]
async fn no_path_means_something_else_than_it_says() {
    withstand("paths").await;
}

#[tokio::test]
async fn no_request_hides_inside_of_another() {
    withstand("smuggling").await;
}

#[tokio::test]
async fn no_head_query_or_body_costs_more_than_it_weighs() {
    withstand("bombs").await;
}

#[tokio::test]
async fn no_picture_bombs_lies_hides_or_carries_scripts() {
    withstand("images").await;
}

#[tokio::test]
async fn no_secret_is_shown_to_clients_or_operators() {
    withstand("canary").await;
}

#[tokio::test]
async fn guessing_is_slowed_and_locks_no_owner_out() {
    withstand("guessing").await;
}

#[tokio::test]
async fn no_slow_client_is_waited_for_without_end() {
    withstand("slow").await;
}

#[tokio::test]
async fn idle_connections_keep_nobody_else_waiting() {
    withstand("idle").await;
}

#[tokio::test]
async fn a_refused_sign_in_says_nothing_of_whether_the_account_exists() {
    withstand("timing").await;
}

#[tokio::test]
#[should_panic(expected = "1 of 2 trials failed")]
async fn a_trial_that_fails_fails_its_attack() {
    let ledger = Ledger::new("none");

    ledger.equal("a door that is shut", "shut", "shut");
    ledger.equal("a door that is open", "shut", "open");

    ledger.assert_passed();
}
