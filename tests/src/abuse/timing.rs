//! Whether the time that a refused sign-in takes tells if an address has an account.
//!
//! The measure is the area under the ROC curve: the chance that a sample of the one kind is longer than one of the other
//! (Mann and Whitney's U over the product of the counts). 0.5 tells nothing, 0 and 1 tell everything.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{Extent, Ledger};
use crate::{Answer, Client, Home, Node, PASSWORD};

/// The most that may be told.
const MAX: f64 = 0.55;
/// Pairs of one sample of each kind.
const PAIRS: usize = 1250;
const ACCOUNTS: usize = 25;

/// Runs the attack: the answers always, their time at full extent only.
pub(super) async fn run(extent: Extent, ledger: Ledger) {
    let home = Home::new();
    let node = home.up().await;
    same_answers(&node, &ledger).await;
    if extent.is_full() {
        same_times(&node, &ledger).await;
    }
    ledger.memory(extent, "the node whose times were taken", &node);
}

/// max(AUC, 1 - AUC) of two kinds of samples: 0.5 if they cannot be told apart, 1 if each one can.
pub fn distinguishability(one: &[Duration], other: &[Duration]) -> f64 {
    let mut all: Vec<_> = one.iter().map(|time| (*time, true)).chain(other.iter().map(|time| (*time, false))).collect();
    all.sort_by_key(|(time, _)| *time);
    let (mut ranks, mut below) = (0.0, 0);
    for ties in all.chunk_by(|a, b| a.0 == b.0) {
        let of_one = ties.iter().filter(|(_, is_one)| *is_one).count();
        // Ties share their middle rank.
        ranks += count(of_one) * count(below + below + ties.len() + 1) / 2.0;
        below += ties.len();
    }
    let (n, m) = (count(one.len()), count(other.len()));
    let auc = (ranks - n * (n + 1.0) / 2.0) / (n * m);
    auc.max(1.0 - auc)
}

fn count(items: usize) -> f64 {
    f64::from(u32::try_from(items).expect("there are fewer than 2^32 samples"))
}

async fn attempt(client: &Client, email: &str, password: &str) -> Answer {
    client.post("/auth").json(&json!({ "email": email, "password": password })).await
}

/// An answer without what differs from request to request anyway.
fn face(answer: &Answer) -> String {
    let own = ["date", "x-request-id", "traceparent", "ratelimit"];
    let mut head: Vec<_> = answer.headers.iter().filter(|(name, _)| !own.contains(&name.as_str())).collect();
    head.sort_by_key(|(name, _)| name.as_str());
    let mut body = answer.json();
    body["trace_id"] = "".into();
    format!("{} {head:?} {body}", answer.status)
}

async fn same_answers(node: &Node, ledger: &Ledger) {
    node.register("ann").await;
    let client = node.client();
    for password in ["wrong wrong wrong", "x", "", &"\u{e4}".repeat(128), &"y".repeat(129)] {
        let known = face(&attempt(&client, "ann@example.com", password).await);
        let unknown = face(&attempt(&client, "abc@example.com", password).await);
        let what = password.chars().take(12).collect::<String>();
        let seen = if known == unknown { "the same".to_owned() } else { format!("{known} / {unknown}") };
        ledger.equal(format!("a known and an unknown address with the password {what:?}"), "the same", seen);
    }
    let taken = json!({ "name": "Eve", "email": "ann@example.com", "password": PASSWORD });
    let taken = client.post("/reg").json(&taken).await;
    ledger.equal("a registration with a taken address tells (docs/security.md)", 409, taken.status);
}

/// The time of one refusal.
async fn timed(client: &Client, email: &str) -> Duration {
    let begun = Instant::now();
    let answer = attempt(client, email, "wrong wrong wrong").await;
    let time = begun.elapsed();
    assert_eq!(answer.status, 401, "{}", answer.json());
    time
}

async fn same_times(node: &Node, ledger: &Ledger) {
    for n in 0..ACCOUNTS {
        node.register(&format!("known{n:02}")).await;
    }
    let client = node.client();
    seen(&client, ledger).await;
    for (what, accounts) in [("one account", 1), ("many accounts", ACCOUNTS)] {
        let known = |n: usize| format!("known{:02}@example.com", n % accounts);
        let unknown = |n: usize| format!("nobody{n}@example.com");
        judge(ledger, &format!("{what} against addresses without one"), &client, known, unknown).await;
    }
    let same = |n: usize| format!("known{:02}@example.com", n % ACCOUNTS);
    judge(ledger, "control: many accounts against the same ones", &client, same, same).await;
}

/// What is told apart by its time is seen to be: a password that is refused unread takes no hash.
async fn seen(client: &Client, ledger: &Ledger) {
    let (mut read, mut unread) = (Vec::new(), Vec::new());
    for n in 0..50 {
        read.push(timed(client, &format!("known{:02}@example.com", n % ACCOUNTS)).await);
        let begun = Instant::now();
        attempt(client, "known00@example.com", "").await;
        unread.push(begun.elapsed());
    }
    let told = distinguishability(&read, &unread);
    let seen = format!("{told:.4} over 100 samples");
    ledger.judge("control: a wrong password against none at all", "max(AUC, 1 - AUC) at least 0.9", seen, told >= 0.9);
}

/// Takes samples in turns, the kinds in changing order, one request at a time.
async fn judge(
    ledger: &Ledger,
    what: &str,
    client: &Client,
    known: impl Fn(usize) -> String,
    unknown: impl Fn(usize) -> String,
) {
    let (mut of_known, mut of_unknown) = (Vec::new(), Vec::new());
    for n in 0..PAIRS {
        if n % 2 == 0 {
            of_known.push(timed(client, &known(n)).await);
            of_unknown.push(timed(client, &unknown(n)).await);
        } else {
            of_unknown.push(timed(client, &unknown(n)).await);
            of_known.push(timed(client, &known(n)).await);
        }
        if n % 250 == 249 {
            eprintln!("    {what}: {} of {} samples", 2 * (n + 1), 2 * PAIRS);
        }
    }
    let told = distinguishability(&of_known, &of_unknown);
    let medians = format!("{:.2} and {:.2} ms", median_ms(of_known), median_ms(of_unknown));
    let seen = format!("{told:.4} over {} samples (medians {medians})", 2 * PAIRS);
    ledger.judge(
        format!("the time of a refusal: {what}"),
        format!("max(AUC, 1 - AUC) at most {MAX}"),
        seen,
        told <= MAX,
    );
}

fn median_ms(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(milliseconds: impl IntoIterator<Item = u64>) -> Vec<Duration> {
        milliseconds.into_iter().map(Duration::from_millis).collect()
    }

    fn told(one: &[Duration], other: &[Duration]) -> f64 {
        (distinguishability(one, other) * 1000.0).round() / 1000.0
    }

    #[test]
    fn samples_that_are_alike_tell_nothing() {
        assert_eq!(told(&times(0..100), &times(0..100)).to_string(), "0.5");
        assert_eq!(told(&times([7; 50]), &times([7; 80])).to_string(), "0.5");
    }

    #[test]
    fn samples_that_never_overlap_tell_everything_from_either_side() {
        assert_eq!(told(&times(0..100), &times(200..300)).to_string(), "1");
        assert_eq!(told(&times(200..300), &times(0..50)).to_string(), "1");
    }

    #[test]
    fn what_lies_in_between_is_the_chance_that_one_is_longer() {
        // Of the nine pairs of these, one of the first kind is longer in three, and one is a tie.
        assert_eq!(told(&times([1, 3, 5]), &times([2, 5, 6])).to_string(), "0.722");
    }
}
