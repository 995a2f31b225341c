//! Secrets in what the node shows besides its files: errors, trace headers, metrics, the supervision tree, readiness.
//! `tests/canary.rs` looks for the same secrets in logs and files.

use serde_json::json;

use super::{Extent, Ledger};
use crate::{Answer, Home, Node};

const PASSWORD: &str = "canary-password-1e8b20";
const WRONG: &str = "canary-mistake-93aa41";
/// Well formed as a token, and unknown.
const DEAD_TOKEN: &str = "Q2FuYXJ5Q2FuYXJ5Q2FuYXJ5Q2FuYXJ5Q2FuYXJ5Q2E";

/// Secrets, and everything that was shown.
#[derive(Default)]
struct Shown {
    secrets: Vec<(&'static str, String)>,
    answers: Vec<(String, String)>,
}

impl Shown {
    /// Keeps an answer's whole text, but for what is meant to hand a secret over.
    fn keep(&mut self, what: &str, answer: &Answer) {
        let head: Vec<_> = answer.headers.iter().map(|(name, value)| format!("{name}: {value:?}")).collect();
        self.answers.push((what.to_owned(), format!("{} {}", head.join("\n"), String::from_utf8_lossy(&answer.bytes))));
    }

    fn judge(&self, ledger: &Ledger) {
        for (what, secret) in &self.secrets {
            let place = self.answers.iter().find(|(_, text)| text.contains(secret.as_str()));
            let seen = place.map_or("nowhere", |(place, _)| place);
            ledger.equal(format!("{what} in {} answers", self.answers.len()), "nowhere", seen);
        }
    }
}

/// Runs the attack.
pub(super) async fn run(extent: Extent, ledger: Ledger) {
    let home = Home::new().set("log.level", "trace");
    let node = home.up().await;
    let mut shown = Shown::default();
    sign_in(&node, &mut shown).await;
    fail(&node, &mut shown).await;
    operate(&node, &mut shown).await;
    shown.judge(&ledger);
    let names = shown.answers.iter().any(|(what, text)| what == "/metrics" && text.contains("portico"));
    ledger.equal("the search sees the metrics", true, names);
    ledger.memory(extent, "the node of the canaries", &node);
    let printed = node.printed();
    let printed_secret = shown.secrets.iter().find(|(_, secret)| printed.contains(secret.as_str()));
    ledger.equal("a secret on the terminal", "none", printed_secret.map_or("none", |(what, _)| what));
    files(&home, node, &shown, &ledger).await;
}

async fn sign_in(node: &Node, shown: &mut Shown) {
    let new = json!({ "name": "Ann", "email": "ann@example.com", "password": PASSWORD });
    let registered = node.client().post("/reg").json(&new).await;
    let bearer = node
        .client()
        .post("/auth?transport=bearer")
        .json(&json!({ "email": "ann@example.com", "password": PASSWORD }))
        .await;
    let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
    shown.secrets = vec![
        ("the password", PASSWORD.to_owned()),
        ("a wrong password", WRONG.to_owned()),
        ("a token that is unknown", DEAD_TOKEN.to_owned()),
        ("the session's cookie", text(registered.cookie("session"))),
        ("the device's cookie", text(registered.cookie("device"))),
        ("the bearer token", text(bearer.json()["token"].as_str())),
        ("the device's token", bearer.header("x-device-token").to_owned()),
    ];
    assert!(shown.secrets.iter().all(|(_, secret)| secret.len() > 10), "every secret was handed over");
}

/// Every kind of refusal, with secrets wherever a request can hold one.
async fn fail(node: &Node, shown: &mut Shown) {
    let client = node.client();
    let secrets: Vec<_> = shown.secrets.iter().map(|(_, secret)| secret.clone()).collect();
    let token = secrets[5].clone();
    for secret in secrets {
        let s = &secret;
        let answers = [
            ("a path", client.get(&format!("/nowhere/{s}")).await),
            ("an id", client.with_token(&token).get(&format!("/users/id/{s}")).await),
            ("a query", client.with_token(&token).get(&format!("/me/photos?limit={s}&after={s}")).await),
            ("an unknown parameter's value", client.post(&format!("/auth?transport={s}")).json(&json!({})).await),
            ("an address", client.post("/auth").json(&json!({ "email": s, "password": s })).await),
            (
                "a name",
                client.post("/reg").json(&json!({ "name": format!("{s}\u{7}"), "email": s, "password": "x" })).await,
            ),
            ("a wrong type", client.post("/auth").json(&json!({ "email": [s], "password": { "x": s } })).await),
            (
                "malformed JSON",
                client.post("/auth").body("application/json", format!("{{\"password\": \"{s}\" {s}")).await,
            ),
            ("a type", client.post("/auth").header("content-type", &format!("text/{s}")).await),
            ("a sign-in", client.post("/auth").json(&json!({ "email": "ann@example.com", "password": WRONG })).await),
            ("a bearer token", client.get("/me").header("authorization", &format!("Bearer {s}x")).await),
            ("a scheme", client.get("/me").header("authorization", &format!("Basic {s}")).await),
            ("a cookie", client.get("/me").header("cookie", &format!("session={s}x; device={s}")).await),
            (
                "a trace",
                client
                    .get("/me")
                    .header("traceparent", s)
                    .header("tracestate", &format!("x={s}"))
                    .header("baggage", &format!("x={s}"))
                    .await,
            ),
            ("a request id", client.get("/me").header("x-request-id", s).await),
            ("an origin", client.post("/auth").header("origin", &format!("https://{s}.example")).await),
            ("an idempotency key", client.post("/reg").header("idempotency-key", s).json(&json!({})).await),
            ("an accepted type", client.with_token(&token).get("/me").header("accept", &format!("text/{s}")).await),
            ("an upload", client.with_token(&token).post("/me/photos").body("image/png", s.clone()).await),
        ];
        for (what, answer) in answers {
            shown.keep(what, &answer);
        }
    }
}

async fn operate(node: &Node, shown: &mut Shown) {
    for path in ["/metrics", "/tree", "/readyz", "/livez"] {
        let answer = node.operator_client().get(path).await;
        shown.keep(path, &answer);
    }
}

/// All that is left behind once the node has stopped.
async fn files(home: &Home, node: Node, shown: &Shown, ledger: &Ledger) {
    node.stop().await;
    let files = home.files();
    for (what, secret) in &shown.secrets {
        let holds = |bytes: Vec<u8>| bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
        let place = files.iter().find(|file| std::fs::read(file).is_ok_and(holds));
        let seen = place.map_or("nowhere".to_owned(), |file| file.display().to_string());
        ledger.equal(format!("{what} in {} files", files.len()), "nowhere", seen);
    }
}
