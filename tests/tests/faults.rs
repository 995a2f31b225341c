//! A node that is cut off from its servers, under load. The short version of `./just faults`.

use std::{sync::Arc, time::Duration};

use portico_tests::{
    binary,
    crash::{
        Findings, Plan, Table,
        faults::{Cuts, Fault, Server, run},
    },
};

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_are_away_or_slow_cost_no_wrong_answer_and_nothing_that_was_acknowledged() {
    let findings: Arc<Findings> = Arc::default();
    let plan = Plan { binary: binary().to_owned(), seed: 5, operations_max: 0, talks: false, servers: None };
    let cuts = Cuts {
        servers: vec![Server::Postgres, Server::Redis, Server::S3],
        faults: vec![Fault::Down, Fault::Late],
        lasting: Duration::from_secs(3),
        accounts: 160,
    };

    let report = run(&plan, &cuts, &findings).await;

    println!("{}\n{report}", Table(&findings));
    assert_eq!(findings.violations(), Vec::<String>::new());
    let broken: Vec<_> = report.rows.iter().flat_map(portico_tests::crash::faults::Row::broken).collect();
    assert_eq!(broken, Vec::<String>::new(), "{report}");
    assert!(findings.counted("problem: 503 unavailable") > 0, "no cut met a request");
    assert!(findings.counted("checked: photos") > 0, "no photo was looked at");
}
