//! Many histories against one node, and what it leaves in its databases and files.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use image::ImageFormat;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use tokio::runtime::{Builder, Runtime};

use super::{
    caller::Caller,
    history::live,
    models::photos::QUOTA,
    steps::{KEYS, Step, plans},
    world::World,
};
use crate::{
    Client, Home, Node,
    crash::{Findings, hold_together},
    pictures,
};

/// How many smaller histories are tried once one cannot be explained, and how often each: races come and go.
const SMALLER_MAX: u32 = 60;
const TRIES: usize = 4;
/// How often whoever watches is told.
const TELL_EVERY: u64 = 50;

/// What is to be done.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The node's binary.
    pub binary: PathBuf,
    /// Decides what clients try.
    pub seed: u64,
    /// How many histories there are.
    pub histories: u32,
    /// Print a line now and then.
    pub talks: bool,
}

/// Lives through histories until one cannot be explained, or all are.
///
/// # Panics
/// When the node does not start.
pub fn run(plan: &Plan, findings: &Arc<Findings>) {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime can be made");
    let home = super::home()
        .set("photo.per_user_max", &QUOTA.to_string())
        .set("user.password.hash_queue_max", "1000")
        .set("user.cache_max", "8");
    let node = runtime.block_on(Node::start(home.command_of(&plan.binary, &["up"])));
    let watcher = runtime.block_on(node.register("watcher"));
    let stage = Stage {
        runtime: &runtime,
        http: node.client(),
        watcher: watcher.token.as_str().into(),
        pictures: (0..=KEYS).map(picture).collect(),
        findings,
        lived: AtomicU64::new(0),
        accounts: AtomicU64::new(1), // the watcher's
    };
    stage.all(plan);
    let accounts = stage.accounts.load(Ordering::Relaxed);
    runtime.block_on(hold(&home, node, accounts, findings));
}

/// What all histories share.
struct Stage<'a> {
    runtime: &'a Runtime,
    http: Client,
    watcher: Arc<str>,
    pictures: Arc<[Vec<u8>]>,
    findings: &'a Arc<Findings>,
    lived: AtomicU64,
    accounts: AtomicU64,
}

impl Stage<'_> {
    fn all(&self, plan: &Plan) {
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&plan.seed.to_le_bytes());
        let config = Config {
            cases: plan.histories,
            failure_persistence: None,
            max_shrink_iters: SMALLER_MAX,
            ..Config::default()
        };
        let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &seed));
        let lived = runner.run(&plans(), |steps| {
            let tries = if self.findings.counted("histories that cannot be explained") > 0 { TRIES } else { 1 };
            (0..tries).try_for_each(|_| self.one(plan, &steps))
        });
        if let Err(error) = lived {
            self.findings.violation(match error {
                TestError::Abort(reason) => format!("seed {}: {reason}", plan.seed),
                TestError::Fail(reason, steps) => format!("seed {}: {reason}\n{}", plan.seed, told(&steps)),
            });
        }
    }

    fn one(&self, plan: &Plan, steps: &[Vec<Step>]) -> Result<(), TestCaseError> {
        let number = self.lived.fetch_add(1, Ordering::Relaxed);
        let caller = Caller {
            http: self.http.clone(),
            world: Arc::new(World::new(number)),
            findings: Arc::clone(self.findings),
            pictures: Arc::clone(&self.pictures),
            watcher: Arc::clone(&self.watcher),
        };
        let (wrong, left) = self.runtime.block_on(live(caller, steps));
        self.accounts.fetch_add(left, Ordering::Relaxed);
        self.findings.count("histories");
        if plan.talks && (number + 1).is_multiple_of(TELL_EVERY) {
            println!("{} histories, {} requests", number + 1, self.findings.total(""));
        }
        if wrong.is_empty() {
            return Ok(());
        }
        self.findings.count("histories that cannot be explained");
        Err(TestCaseError::fail(wrong.join("\n")))
    }
}

fn picture(number: usize) -> Vec<u8> {
    pictures::picture(16, 16 + u32::try_from(number).expect("keys are few"), ImageFormat::Png)
}

/// The steps of each client, a line for each client.
fn told(plan: &[Vec<Step>]) -> String {
    let line = |(client, steps): (usize, &Vec<Step>)| format!("  client {client} tried {steps:?}");
    plan.iter().enumerate().map(line).collect::<Vec<_>>().join("\n")
}

/// Stops the node, and holds what it leaves against itself, and against how many accounts were seen at the end.
async fn hold(home: &Home, node: Node, accounts: u64, findings: &Arc<Findings>) {
    hold_together(home, node, findings).await;
    let stand = findings.counted("rows: accounts");
    findings.hold(stand == accounts, || format!("{accounts} accounts were seen at the end, and {stand} stand"));
}
