//! Races that have names: what must hold when a hundred clients do the same thing at the same moment.
//!
//! Interleavings that nobody thought of are tried by `histories.rs`.

mod deletion;
mod passwords;
mod photos;
mod profile;
mod registration;
mod repeat;
mod revocation;

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use portico_tests::{Account, Answer, Client, Home, Node, PASSWORD, eventually, histories};
use serde_json::{Value, json};
use tokio::{
    sync::{Barrier, watch},
    task::JoinSet,
};

/// Does `work` `count` times at the same moment, and answers in the order of their numbers.
async fn at_once<T, F>(count: usize, work: impl Fn(usize) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let barrier = Arc::new(Barrier::new(count));
    let mut tasks = JoinSet::new();
    for number in 0..count {
        let (barrier, work) = (Arc::clone(&barrier), work(number));
        tasks.spawn(async move {
            barrier.wait().await;
            (number, work.await)
        });
    }
    let mut done = tasks.join_all().await;
    done.sort_unstable_by_key(|(number, _)| *number);
    done.into_iter().map(|(_, answer)| answer).collect()
}

/// How many of the answers have this status and problem code; the code of a success is empty.
fn count(answers: &[Answer], status: u16, code: &str) -> usize {
    answers.iter().filter(|answer| answer.status == status && answer.problem().1 == code).count()
}

/// The different ids that the successes among the answers tell of, each found by this JSON pointer.
fn ids(answers: &[Answer], pointer: &str) -> HashSet<String> {
    let successes = answers.iter().filter(|answer| answer.status == 201);
    successes.map(|answer| text(answer.json().pointer(pointer).unwrap()).to_owned()).collect()
}

/// A home that a hundred requests may meet at the same moment: passwords are cheap, and all of them may wait.
fn home() -> Home {
    histories::home().set("user.password.hash_queue_max", "1000")
}

/// Tries to sign in.
async fn attempt(anybody: &Client, email: &str, password: &str) -> Answer {
    anybody.post("/auth?transport=bearer").json(&json!({ "email": email, "password": password })).await
}

/// Signs the owner of `account` in once more; the client presents the new session's token.
async fn sign_in(node: &Node, account: &Account) -> Client {
    let signed_in = attempt(&node.client(), &account.email, PASSWORD).await.expect(200);
    account.with_token(text(&signed_in["token"]))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// How many requests in a row are made of a session before something is done to it, and after that was acknowledged.
const USES: usize = 4;

/// Sessions in constant use, and when each use began and whether it was accepted.
struct Uses {
    acknowledged: watch::Sender<Option<Instant>>,
    warm: Arc<AtomicUsize>,
    wanted: usize,
    tasks: JoinSet<Vec<(Instant, u16)>>,
}

impl Uses {
    /// Uses each of the sessions from `tasks_each` tasks until [`Self::after`].
    fn begin(sessions: &[Client], path: &'static str, tasks_each: usize) -> Self {
        let (acknowledged, seen) = watch::channel(None::<Instant>);
        let (warm, mut tasks) = (Arc::new(AtomicUsize::new(0)), JoinSet::new());
        for session in sessions.iter().flat_map(|session| std::iter::repeat_n(session, tasks_each)) {
            let (session, seen, warm) = (session.clone(), seen.clone(), Arc::clone(&warm));
            tasks.spawn(async move {
                let (mut uses, mut late) = (Vec::new(), 0);
                while late < USES {
                    late += usize::from(seen.borrow().is_some());
                    let began = Instant::now();
                    uses.push((began, session.get(path).await.status));
                    warm.fetch_add(usize::from(uses.len() == USES), Ordering::AcqRel);
                }
                uses
            });
        }
        Self { acknowledged, warm, wanted: tasks.len(), tasks }
    }

    /// Waits until every task has used its session several times.
    async fn warm(&self) {
        let all = || std::future::ready((self.warm.load(Ordering::Acquire) == self.wanted).then_some(()));
        eventually("all sessions to be in use", all).await;
    }

    /// Says that what ends the sessions was acknowledged just now, and answers the statuses of the uses that began before
    /// and after.
    async fn after(self) -> (Vec<u16>, Vec<u16>) {
        let now = Instant::now();
        self.acknowledged.send_replace(Some(now));
        let uses = self.tasks.join_all().await.into_iter().flatten();
        let (before, after): (Vec<_>, Vec<_>) = uses.partition(|(began, _)| *began < now);
        let statuses = |uses: Vec<(Instant, u16)>| uses.into_iter().map(|(_, status)| status).collect();
        (statuses(before), statuses(after))
    }
}
