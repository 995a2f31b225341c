//! Passwords that are tried at the same time: right ones refuse nobody, and wrong ones are no more than the budget.

use std::{num::NonZeroUsize, sync::Arc};

use portico_config::{Config, Rate};
use portico_gateway::Asks;
use portico_kernel::Ask;
use portico_user::Authenticate;
use reqwest::Response;
use serde_json::json;
use tokio::{
    io::AsyncWriteExt as _,
    sync::{
        Semaphore,
        mpsc::{UnboundedReceiver, unbounded_channel},
    },
    task::JoinHandle,
};

use crate::world::{PASSWORD, World, world_with};

/// What may fail.
const BUDGET: u32 = 2;
/// How many passwords come at the same time: as many as have a place.
const CROWD: usize = 8;

/// A world in which no password is judged before the test says so.
struct Court {
    world: World,
    verdicts: Arc<Semaphore>,
    begun: UnboundedReceiver<()>,
}

async fn court(configure: impl FnOnce(&mut Config)) -> Court {
    let verdicts = Arc::new(Semaphore::new(0));
    let (starts, begun) = unbounded_channel();
    let gate = Arc::clone(&verdicts);
    let replace = |asks: &mut Asks| {
        let judge = asks.authenticate.clone();
        asks.authenticate = Ask::from_fn(move |attempt: Authenticate| {
            let (gate, judge) = (Arc::clone(&gate), judge.clone());
            starts.send(()).unwrap();
            async move {
                gate.acquire().await.unwrap().forget();
                judge.ask(attempt).await
            }
        });
    };
    let crowded = |config: &mut Config| {
        config.user.password.hash_threads = Some(NonZeroUsize::MIN);
        config.user.password.hash_queue_max = CROWD - 1;
        config.gateway.rate_limits.per_address.burst = 100_000;
        configure(config);
    };
    Court { world: world_with(crowded, replace).await, verdicts, begun }
}

impl Court {
    /// A crowd signs in with these passwords; all of them have come in when this answers.
    async fn sign_in<'a>(&self, passwords: impl Iterator<Item = &'a str>) -> Vec<JoinHandle<Response>> {
        let attempts = passwords.take(CROWD).map(|password| {
            let attempt = self.world.post("/auth", &json!({ "email": "ann@example.com", "password": password }));
            actix_web::rt::spawn(async move { attempt.send().await.unwrap() })
        });
        let attempts = attempts.collect();
        for _ in 0..10_000 {
            if self.world.post("/reg", &json!({})).send().await.unwrap().status() == 503 {
                return attempts; // no place is left
            }
        }
        panic!("somebody was refused before any password was judged");
    }

    /// Every password is judged; the statuses that the attempts are answered with, in order of size.
    async fn judge(&self, attempts: Vec<JoinHandle<Response>>) -> Vec<u16> {
        self.verdicts.add_permits(CROWD);
        let mut statuses = Vec::new();
        for attempt in attempts {
            statuses.push(attempt.await.unwrap().status().as_u16());
        }
        statuses.sort_unstable();
        statuses
    }

    fn verified(&mut self) -> usize {
        std::iter::from_fn(|| self.begun.try_recv().ok()).count()
    }
}

fn of_account(config: &mut Config) {
    config.gateway.rate_limits.sign_in_failures_per_account = Rate { burst: BUDGET, per_s: 0.001 };
}

fn of_address(config: &mut Config) {
    config.gateway.rate_limits.sign_in_failures_per_address = Rate { burst: BUDGET, per_s: 0.001 };
}

#[actix_web::test]
async fn right_passwords_at_the_same_time_refuse_nobody() {
    for budget in [of_account, of_address] {
        let mut court = court(budget).await;
        let attempts = court.sign_in(std::iter::repeat(PASSWORD)).await;

        let statuses = court.judge(attempts).await;

        assert_eq!((statuses, court.verified()), (vec![200; CROWD], CROWD));
    }
}

#[actix_web::test]
async fn wrong_passwords_at_the_same_time_are_verified_as_often_as_the_budget_allows_and_no_more() {
    for budget in [of_account, of_address] {
        let mut court = court(budget).await;
        let attempts = court.sign_in(std::iter::repeat("guess guess")).await;

        let statuses = court.judge(attempts).await;

        assert_eq!((statuses, court.verified()), (vec![401, 401, 429, 429, 429, 429, 429, 429], BUDGET as usize));
    }
}

#[actix_web::test]
async fn a_wrong_password_among_right_ones_costs_one_token_and_refuses_nobody() {
    let mut court = court(of_account).await;
    let attempts = court.sign_in(std::iter::once("guess guess").chain(std::iter::repeat(PASSWORD))).await;

    let statuses = court.judge(attempts).await;

    assert_eq!((statuses, court.verified()), (vec![200, 200, 200, 200, 200, 200, 200, 401], CROWD));
}

#[actix_web::test]
async fn a_guess_counts_although_its_client_hangs_up() {
    let mut court = court(of_account).await;
    let body = json!({ "email": "ann@example.com", "password": "guess guess" }).to_string();
    let head = "POST /auth HTTP/1.1\r\nhost: x\r\ncontent-type: application/json";
    for _ in 0..BUDGET {
        let mut connection = tokio::net::TcpStream::connect(court.world.address).await.unwrap();
        let request = format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        connection.write_all(request.as_bytes()).await.unwrap();
        court.begun.recv().await.unwrap();
        connection.set_zero_linger().unwrap();
    }

    let next = court.world.post("/auth", &json!({ "email": "ann@example.com", "password": PASSWORD })).send().await;

    assert_eq!(next.unwrap().status().as_u16(), 429);
}
