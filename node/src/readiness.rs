//! Whether the node can serve: what `/readyz` answers.
//!
//! A node is ready when it is not draining, every actor runs and every dependency answers that requests need. One that they
//! can do without for a while is told of, and does not keep requests away.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::future::{BoxFuture, join_all};
use portico_kernel::{Node, StoreError, TreeHandle};
use serde::Serialize;

/// How long a dependency may take to answer.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);

/// How long an answer is kept, so that probes cost a busy node nothing.
const KEPT: Duration = Duration::from_millis(500);

/// What begins the name of a check that is an actor.
const OF_ACTOR: &str = "actor:";

/// Asks a dependency whether it works.
pub(crate) type Probe = Box<dyn Fn() -> BoxFuture<'static, Result<(), StoreError>> + Send + Sync>;

/// What a node depends on.
pub(crate) struct Dependency {
    /// `database:session`.
    pub(crate) name: &'static str,
    /// Asks it.
    pub(crate) probe: Probe,
    /// Whether requests cannot be answered without it.
    pub(crate) is_needed: bool,
}

/// What readiness is made of. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Readiness(Arc<Inner>);

struct Inner {
    tree: TreeHandle,
    dependencies: Vec<Dependency>,
    draining: AtomicBool,
    kept: Mutex<Option<(Instant, Report)>>,
}

/// What `/readyz` answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Report {
    /// Whether requests should be sent here.
    pub(crate) ready: bool,
    /// Whether the node is shutting down.
    pub(crate) draining: bool,
    /// Each dependency and each actor.
    pub(crate) checks: Vec<Check>,
}

/// One dependency or actor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Check {
    /// `actor:user`, `database:session`.
    pub(crate) name: String,
    /// Whether it works.
    pub(crate) ok: bool,
    /// Whether the node is not ready without it.
    pub(crate) needed: bool,
    /// What is wrong, or the actor's state.
    pub(crate) detail: String,
}

impl Check {
    /// Whether it is an actor, of which the tree tells more.
    pub(crate) fn is_of_actor(&self) -> bool {
        self.name.starts_with(OF_ACTOR)
    }
}

impl Readiness {
    /// Made of all actors of `tree` and of `dependencies`.
    pub(crate) fn new(tree: TreeHandle, dependencies: Vec<Dependency>) -> Self {
        let (draining, kept) = (AtomicBool::new(false), Mutex::new(None));
        Self(Arc::new(Inner { tree, dependencies, draining, kept }))
    }

    /// From now on the node is not ready: it is shutting down.
    pub(crate) fn drain(&self) {
        self.0.draining.store(true, Ordering::Relaxed);
    }

    /// Looks at everything, or remembers a look that is fresh.
    pub(crate) async fn report(&self) -> Report {
        let draining = self.0.draining.load(Ordering::Relaxed);
        if let Some(report) = self.fresh(draining) {
            return report;
        }
        let mut checks = join_all(self.0.dependencies.iter().map(check)).await;
        checks.extend(self.actors());
        let ready = !draining && checks.iter().all(|check| check.ok || !check.needed);
        let report = Report { ready, draining, checks };
        *self.0.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), report.clone()));
        report
    }

    /// What was seen last; none until somebody has looked.
    pub(crate) fn last(&self) -> Option<Report> {
        let kept = self.0.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.as_ref().map(|(_, report)| report.clone())
    }

    fn fresh(&self, draining: bool) -> Option<Report> {
        let kept = self.0.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, report) = kept.as_ref()?;
        (at.elapsed() < KEPT && report.draining == draining).then(|| report.clone())
    }

    fn actors(&self) -> Vec<Check> {
        let actor = |(path, node): (String, Node)| Check {
            name: format!("{OF_ACTOR}{path}"),
            ok: node.state.is_running(),
            needed: true,
            detail: node.state.to_string(),
        };
        self.0.tree.snapshot().actors().into_iter().map(actor).collect()
    }
}

async fn check(dependency: &Dependency) -> Check {
    let answer = tokio::time::timeout(CHECK_TIMEOUT, (dependency.probe)()).await;
    let detail = match &answer {
        Ok(Ok(())) => "answers".to_owned(),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "does not answer".to_owned(),
    };
    let (name, needed) = (dependency.name.to_owned(), dependency.is_needed);
    Check { name, ok: matches!(answer, Ok(Ok(()))), needed, detail }
}
