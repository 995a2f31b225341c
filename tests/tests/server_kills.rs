//! A node that keeps everything at servers is killed again and again, and nothing acknowledged is lost. The short version of
//! `./just crash --stores postgres,redis,s3,rabbitmq,kafka`.

use std::sync::Arc;

use portico_tests::{
    Servers, binary,
    crash::{Findings, Plan, Table, kills},
};

#[tokio::test(flavor = "multi_thread")]
async fn ten_kills_of_a_node_over_servers_lose_nothing_that_was_acknowledged() {
    let servers = Servers::own(&["postgres", "redis", "s3", "rabbitmq", "kafka"]);
    let servers = Some(Arc::new(servers));
    let plan = Plan { binary: binary().to_owned(), seed: 4, operations_max: 40, talks: false, servers };
    let findings: Arc<Findings> = Arc::default();

    kills::run(&plan, 10, &findings).await;

    println!("{}", Table(&findings));
    assert_eq!(findings.violations(), Vec::<String>::new());
    assert!(findings.total("acknowledged: ") > 50, "{:?}", findings.counts());
    assert!(findings.counted("log: records that were accepted before a kill") > 0, "no log was looked at");
    assert!(findings.counted("rows: photos") > 0 && findings.counted("files: .orig") > 0, "no server was looked at");
}
