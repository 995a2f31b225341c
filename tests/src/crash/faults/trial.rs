//! One cut: clients at work before it, during it and after it, and then everything that they were promised.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep, sleep_until};

use super::{
    super::{
        Findings,
        calls::Calls,
        load::{Crowd, Load},
        logs::{self, Run},
        process,
        turn::Turn,
        wire::{Mode, Wire},
    },
    fault::{Fault, Server},
    readiness::Readiness,
    row::Row,
    stage::Stage,
};
use crate::Node;

/// Between two calls.
const BEAT: Duration = Duration::from_millis(33);
/// How long clients work before the cut, and after the recovery.
const AROUND: Duration = Duration::from_secs(2);
/// How long recovery is waited for.
const RECOVERY_MAX: Duration = Duration::from_secs(40);
/// How often it is looked for.
const PAUSE: Duration = Duration::from_millis(50);

/// One cut, to be made.
pub(super) struct Trial<'a> {
    pub(super) stage: &'a Stage,
    pub(super) node: &'a Node,
    pub(super) server: Server,
    pub(super) fault: Fault,
    pub(super) lasting: Duration,
}

impl Trial<'_> {
    /// Makes it, and checks everybody who was there.
    pub(super) async fn run(&self, crowd: Crowd, findings: &Arc<Findings>) -> (Row, Crowd) {
        let (own, calls) = (Arc::<Findings>::default(), Arc::<Calls>::default());
        let wire = Wire::new(self.node.gateway(), &own, Mode::Cut);
        let readiness = Readiness::watch(self.node);
        let load = Load::start(crowd, &Turn::EACH, BEAT, &wire, &calls);
        sleep(AROUND).await;
        let (began, ended) = self.cut().await;
        let accepted = process::metric(self.node, "portico_log_accepted_total").await;
        let well = || calls.recovered(ended).is_some() && readiness.well(ended).is_some();
        let mut caught_up = None;
        while ended.elapsed() < RECOVERY_MAX && !(well() && caught_up.is_some()) {
            if caught_up.is_none() && self.has_caught_up(accepted).await {
                caught_up = Some(ended.elapsed());
            }
            sleep(PAUSE).await;
        }
        sleep(AROUND).await;
        let crowd = load.stop().await;
        let (others, silent) = readiness.wrong(self.server);
        own.hold(others.is_empty(), || format!("readiness named {others:?} as well"));
        own.hold(silent == 0, || format!("/readyz did not answer {silent} times"));
        let crowd = crowd.check(&wire).await;
        let row = Row {
            server: self.server,
            fault: self.fault,
            statuses: calls.statuses(),
            slowest: calls.slowest(),
            lasted: ended - began,
            named: readiness.named(self.server, began),
            recovered: calls.recovered(ended),
            failed_after: calls.failed(ended),
            well: readiness.well(ended),
            caught_up,
            wrong: own.violations(),
        };
        findings.absorb(&format!("{} {}", self.server, self.fault), &own);
        (row, crowd)
    }

    /// Whether what waited for the server has gone its way: events, or the log records that were accepted by a moment.
    async fn has_caught_up(&self, accepted: Option<u64>) -> bool {
        match self.server {
            Server::Rabbitmq => process::metric(self.node, "portico_outbox_depth").await == Some(0),
            Server::Kafka => logs::reached(&self.stage.home().data().join("logs"), &Run::of(self.node)) >= accepted,
            Server::Postgres | Server::Redis | Server::S3 => true, // nothing waits for these
        }
    }

    /// Answers when it began, and when the server was back.
    async fn cut(&self) -> (Instant, Instant) {
        let began = Instant::now();
        self.stage.begin(self.server, self.fault).await;
        if self.fault.lasts() {
            sleep_until(began + self.lasting).await;
        }
        self.stage.end(self.server, self.fault).await;
        (began, Instant::now())
    }
}
