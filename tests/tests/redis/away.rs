//! A server that is killed or stopped while people use the node: they are put off, and nobody is signed out.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use portico_tests::{Account, Answer, Client, Home, Node, PASSWORD, Servers, eventually};
use reqwest::StatusCode;
use serde_json::json;
use tokio::task::JoinSet;

/// How soon sessions work again once the server is back.
const RECOVERY: Duration = Duration::from_secs(5);

/// People who look at their accounts without a pause, and all that they were told.
struct Load {
    stop: Arc<AtomicBool>,
    people: JoinSet<()>,
    told: Arc<Mutex<Vec<Answer>>>,
}

impl Load {
    fn start(ann: &Account) -> Self {
        let (stop, told) = (Arc::new(AtomicBool::new(false)), Arc::<Mutex<Vec<_>>>::default());
        let mut people = JoinSet::new();
        for _ in 0..4 {
            let (client, stop, told) = (Client::clone(ann), Arc::clone(&stop), Arc::clone(&told));
            people.spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let answer = client.get("/me").await;
                    told.lock().unwrap().push(answer);
                }
            });
        }
        Self { stop, people, told }
    }

    /// Waits until somebody is told `status` from now on.
    async fn is_told(&self, status: u16) {
        let from = self.told.lock().unwrap().len();
        let told = || self.told.lock().unwrap()[from..].iter().any(|answer| answer.status == status);
        eventually(&format!("an answer {status}"), || std::future::ready(told().then_some(()))).await;
    }

    async fn stop(mut self) -> Vec<Answer> {
        self.stop.store(true, Ordering::Relaxed);
        while let Some(ended) = self.people.join_next().await {
            ended.unwrap();
        }
        std::mem::take(&mut *self.told.lock().unwrap())
    }
}

async fn sign_in(node: &Node, ann: &Account) -> Answer {
    node.client().post("/auth?transport=bearer").json(&json!({ "email": ann.email, "password": PASSWORD })).await
}

/// The dependencies that are not well.
async fn failing(node: &Node) -> Vec<String> {
    let report = node.operator_client().get("/readyz").await.json();
    let checks = report["checks"].as_array().unwrap().iter().filter(|check| check["ok"] == false);
    checks.map(|check| check["name"].as_str().unwrap().to_owned()).collect()
}

async fn is_ready(node: &Node) {
    eventually("readiness", || async { (node.readiness().await? == StatusCode::OK).then_some(()) }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_under_load_puts_people_off_at_once_and_signs_nobody_out() {
    let servers = Servers::own(&["redis"]);
    let home = Home::new().over(&servers);
    let node = home.up().await;
    let ann = node.register("ann").await;
    let load = Load::start(&ann);
    load.is_told(200).await;

    servers.kill("redis");
    load.is_told(503).await;
    let asked = Instant::now();
    for _ in 0..20 {
        let refused = ann.get("/me").await;
        assert_eq!((refused.status, refused.header("retry-after")), (503, "1"), "{refused:?}");
    }
    let all_refused_after = asked.elapsed();
    let signing_in = sign_in(&node, &ann).await;
    let named =
        eventually("readiness to name it", || async { Some(failing(&node).await).filter(|all| !all.is_empty()) }).await;
    servers.up("redis");
    let back = Instant::now();
    load.is_told(200).await;
    let recovered_after = back.elapsed();

    let answers = load.stop().await;
    assert!(
        answers.iter().all(|answer| [200, 503].contains(&answer.status)),
        "nobody is signed out, and nothing breaks"
    );
    assert!(
        all_refused_after < Duration::from_secs(10),
        "twenty waits of a second would take longer: {all_refused_after:?}"
    );
    assert_eq!((signing_in.status, named), (503, vec!["redis:session".to_owned()]), "{signing_in:?}");
    assert!(recovered_after < RECOVERY, "{recovered_after:?}");
    is_ready(&node).await;
    sign_in(&node, &ann).await.expect(200);
    assert_eq!(ann.get("/me/sessions").await.expect(200).as_array().unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_stopped_hangs_nobody_and_is_soon_refused_without_a_wait() {
    let servers = Servers::own(&["redis"]);
    let home = Home::new().over(&servers);
    let node = home.up().await;
    let ann = node.register("ann").await;
    ann.get("/me").await.expect(200);

    servers.pause("redis");
    let stopped = Instant::now();
    let mut answers = Vec::new();
    while stopped.elapsed() < Duration::from_secs(4) {
        answers.push((stopped.elapsed(), ann.get("/me").await.status));
    }
    let unready = failing(&node).await;
    servers.resume("redis");

    let (trusted, after): (Vec<_>, Vec<_>) = answers.iter().partition(|(asked, _)| *asked < Duration::from_secs(1));
    assert!(trusted.iter().all(|(_, status)| [200, 503].contains(status)), "{trusted:?}");
    assert!(after.len() > 10 && after.iter().all(|(_, status)| *status == 503), "at once: {}", after.len());
    assert_eq!(unready, ["redis:session"]);
    eventually("an answer", || async { (ann.get("/me").await.status == 200).then_some(()) }).await;
    is_ready(&node).await;
}
