//! Nodes of many that are restarted, killed and cut off from each other, under load. The short version of `./just nodes`.

use std::{sync::Arc, time::Duration};

use portico_tests::{
    binary,
    crash::{
        Findings, Plan, Table,
        nodes::{Event, Troubles, run},
    },
};

#[tokio::test(flavor = "multi_thread")]
async fn restarted_nodes_fail_no_call_and_lost_ones_break_no_promise() {
    let findings: Arc<Findings> = Arc::default();
    let plan = Plan { binary: binary().to_owned(), seed: 6, operations_max: 0, talks: false, servers: None };
    let troubles = Troubles {
        rate_per_s: 20,
        accounts: 40,
        calls: 1,
        kills: Duration::from_secs(30),
        ways: 2,
        lasting: Duration::from_secs(3),
        recovery_max: Duration::from_secs(4), // of nodes that are built for debugging, on cores that may be busy
    };

    let report = run(&plan, &troubles, &findings).await;

    println!("{}\n{report}", Table(&findings));
    assert_eq!(findings.violations(), Vec::<String>::new());
    let broken: Vec<_> = report.events.iter().flat_map(Event::broken).collect();
    assert_eq!(broken, Vec::<&String>::new(), "{report}");
    assert!(findings.counted("connections that were refused") > 0, "no gateway was away");
    assert!(findings.counted("checked: photos") > 0, "no photo was looked at");
}
