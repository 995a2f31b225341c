//! Nothing acknowledged is lost, however the node or its actors crash. The short version of `./just crash`.

use std::sync::Arc;

use portico_tests::{
    binary,
    crash::{Findings, Plan, Table, kills, panics, power},
};

fn plan(seed: u64) -> Plan {
    Plan { binary: binary().to_owned(), seed, operations_max: 40, talks: false, servers: None }
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_kills_under_mixed_load_lose_nothing_that_was_acknowledged() {
    let findings: Arc<Findings> = Arc::default();

    kills::run(&plan(1), 20, &findings).await;

    println!("{}", Table(&findings));
    assert_eq!(findings.violations(), Vec::<String>::new());
    assert!(findings.total("acknowledged: ") > 100, "{:?}", findings.counts());
    assert!(findings.counted("operations without an answer, settled") > 0, "no kill met an operation under way");
    assert!(findings.counted("log: records that were accepted before a kill") > 0, "no log was looked at");
}

#[tokio::test(flavor = "multi_thread")]
async fn power_cuts_lose_nothing_that_was_acknowledged() {
    let findings: Arc<Findings> = Arc::default();

    power::run(&plan(3), 16, &findings).await;

    println!("{}", Table(&findings));
    assert_eq!(findings.violations(), Vec::<String>::new());
    assert!(findings.total("acknowledged: ") >= 40, "{:?}", findings.counts());
    assert!(findings.counted("checked: photos") > 0, "no photo was looked at");
    assert!(findings.counted("log: records that were accepted before a kill") > 0, "no log was looked at");
}

#[tokio::test(flavor = "multi_thread")]
async fn hundreds_of_crashed_actors_lose_nothing_and_leave_no_call_unanswered() {
    let findings: Arc<Findings> = Arc::default();

    panics::run(&plan(2), 200, &findings).await;

    println!("{}", Table(&findings));
    assert_eq!(findings.violations(), Vec::<String>::new());
    assert!(findings.counted("problem: 500 internal") > 0, "no call was crashed");
    assert!(findings.counted("operations without an answer, settled") > 0, "no crash met an operation under way");
}
