//! Restarts, kills and bad ways, one after the other, under load.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep};

use super::{
    super::{Findings, Plan, calls::Calls},
    trouble::{Event, Trouble, Window},
};
use crate::Cluster;

/// Between two troubles, once all is well again.
const BETWEEN: Duration = Duration::from_secs(1);
/// For how long a killed node is away at the most.
const AWAY_MAX_MS: u32 = 4_000;
/// How much longer than calls may fail after a trouble the next one is waited for.
const CALM: Duration = Duration::from_secs(1);

/// Nodes at work, and what befell them so far.
pub(super) struct Act<'a, 'c> {
    pub(super) plan: &'a Plan,
    pub(super) cluster: &'a mut Cluster<'c>,
    pub(super) calls: Arc<Calls>,
    pub(super) findings: &'a Findings,
    pub(super) random: fastrand::Rng,
    /// For how long calls may fail after a trouble.
    pub(super) recovery_max: Duration,
    pub(super) windows: Vec<Window>,
}

impl Act<'_, '_> {
    /// Restarts every node, one after the other, and all of them again until so many calls have been made.
    pub(super) async fn restart(&mut self, calls: usize) {
        loop {
            for name in self.cluster.names() {
                let began = Instant::now();
                let exit = self.cluster.restart(&name).await;
                let over = Instant::now();
                self.findings
                    .hold(exit.code() == Some(0), || format!("{name} ended with {:?}: {}", exit.status, exit.stderr));
                sleep(BETWEEN).await;
                self.note(Trouble::Restart, &name, began, over);
            }
            if self.calls.count() >= calls {
                return;
            }
        }
    }

    /// Kills nodes at random for so long and starts them again. The other one of the role stays.
    pub(super) async fn kill(&mut self, lasting: Duration) {
        let until = Instant::now() + lasting;
        while Instant::now() < until {
            let names = self.cluster.names();
            let name = self.random.choice(names).expect("there are nodes");
            let began = Instant::now();
            self.cluster.kill(&name);
            let over = Instant::now();
            sleep(self.random.u32(..AWAY_MAX_MS) * Duration::from_millis(1)).await;
            self.cluster.begin(&name);
            self.cluster.ready(&name).await;
            sleep((self.recovery_max + CALM).saturating_sub(began.elapsed()).max(BETWEEN)).await;
            self.note(Trouble::Kill, &name, began, over);
        }
    }

    /// Has so many ways be bad, one after the other, for so long each.
    pub(super) async fn harm_ways(&mut self, ways: usize, lasting: Duration) {
        let mut pairs = self.cluster.links();
        self.random.shuffle(&mut pairs);
        for ((from, to), trouble) in pairs.iter().cycle().zip(Trouble::OF_WAYS.iter().cycle()).take(ways) {
            let way = self.cluster.link(from, to).expect("it is a way");
            let began = Instant::now();
            trouble.begin(way);
            sleep(lasting).await;
            Trouble::end(way);
            let over = Instant::now();
            sleep(self.recovery_max + CALM).await;
            self.note(*trouble, &format!("{from} to {to}"), began, over);
        }
    }

    fn note(&mut self, trouble: Trouble, whose: &str, began: Instant, over: Instant) {
        let gateway =
            whose.strip_prefix("gateway-").and_then(|number| number.parse::<usize>().ok()).map(|number| number - 1);
        let window = Window { trouble, whose: whose.to_owned(), gateway, began, over, until: Instant::now() };
        self.plan.say(self.findings, || window.judge(&self.calls, self.recovery_max).to_string());
        self.windows.push(window);
    }

    /// What came of all of them, once no call is under way.
    pub(super) fn events(self) -> Vec<Event> {
        self.windows.iter().map(|window| window.judge(&self.calls, self.recovery_max)).collect()
    }
}
