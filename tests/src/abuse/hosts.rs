//! Lies about the host, the original address and the proxy before the node.

use serde_json::json;

use super::{Extent, Ledger, exchange};
use crate::{Home, Node, PASSWORD};

const EVIL: &str = "evil-7f3a.example";

/// Runs the attack.
pub(super) async fn run(extent: Extent, ledger: Ledger) {
    let home = Home::new().set("gateway.public_url", "https://accounts.example.org");
    let node = home.up().await;
    reflected(&node, &ledger).await;
    malformed(&node, &ledger).await;
    rewritten(&node, &ledger).await;
    forwarded(&node, &ledger).await;
    ledger.memory(extent, "the node of the host attacks", &node);
}

/// Every kind of answer, asked for under another host's name: none repeats it.
async fn reflected(node: &Node, ledger: &Ledger) {
    let new = |name: &str| {
        let new = json!({ "name": name, "email": format!("{name}@example.com"), "password": PASSWORD });
        let new = new.to_string();
        format!("content-type: application/json\r\ncontent-length: {}\r\n\r\n{new}", new.len())
    };
    for (what, line, rest) in [
        ("a registration, with its Location", "POST /reg", new("ann")),
        ("a refused registration", "POST /reg", new("ann")),
        ("a request without a session", "GET /me", "\r\n".into()),
        ("an unknown path", "GET /nowhere", "\r\n".into()),
        ("a wrong method", "PUT /me", "\r\n".into()),
        ("the documentation", "GET /docs", "\r\n".into()),
        ("the problems' pages", "GET /docs/problems/not_found", "\r\n".into()),
        ("openapi.json", "GET /openapi.json", "\r\n".into()),
        ("a preflight", "OPTIONS /reg", "\r\n".into()),
    ] {
        for host in [format!("host: {EVIL}"), format!("host: accounts.example.org\r\nx-forwarded-host: {EVIL}")] {
            let request = format!(
                "{line} HTTP/1.1\r\n{host}\r\nx-host: {EVIL}\r\nx-forwarded-server: {EVIL}\r\nforwarded: host={EVIL}\r\n\
                 x-forwarded-proto: http\r\nconnection: close\r\n{rest}"
            );
            let heard = exchange(node.gateway(), request).await;
            let told = String::from_utf8_lossy(&heard.bytes).to_lowercase().contains(EVIL);
            let how = if host.contains("forwarded") { "X-Forwarded-Host" } else { "Host" };
            ledger.equal(format!("{what}, {how} lies"), "an answer without it", outcome(&heard.statuses(), told));
        }
    }
}

fn outcome(statuses: &str, told: bool) -> String {
    match (statuses, told) {
        ("none", _) => "no answer".to_owned(),
        (_, true) => format!("{statuses} with it"),
        (_, false) => "an answer without it".to_owned(),
    }
}

async fn malformed(node: &Node, ledger: &Ledger) {
    for (what, host) in [
        ("no Host", String::new()),
        ("two Hosts", format!("host: accounts.example.org\r\nhost: {EVIL}\r\n")),
        ("a Host that is continued on the next line", format!("host: accounts.example.org\r\n {EVIL}\r\n")),
        ("a Host behind a blank", format!(" host: {EVIL}\r\n")),
        ("a Host before a blank", format!("host : {EVIL}\r\n")),
    ] {
        let heard = exchange(node.gateway(), format!("GET /me HTTP/1.1\r\n{host}\r\n")).await;
        ledger.equal(what, "400", heard.statuses());
    }
    let absolute = exchange(node.gateway(), format!("GET http://{EVIL}/nowhere HTTP/1.1\r\nhost: x\r\n\r\n")).await;
    let told = String::from_utf8_lossy(&absolute.bytes).contains(EVIL);
    ledger.equal("a request target with another host in it", "404 false", format!("{} {told}", absolute.statuses()));
}

/// Headers by which some servers are told another path or method than the request line's.
async fn rewritten(node: &Node, ledger: &Ledger) {
    let ann = node.client();
    let credentials = json!({ "email": "ann@example.com", "password": PASSWORD });
    let token = ann.post("/auth?transport=bearer").json(&credentials).await.json();
    let ann = ann.with_token(token["token"].as_str().unwrap_or_default());
    for header in ["x-original-url", "x-rewrite-url", "x-original-uri", "x-forwarded-uri", "x-forwarded-prefix"] {
        let answer = ann.get("/nowhere").header(header, "/me").await;
        ledger.equal(format!("{header}: /me on another path"), 404, answer.status);
    }
    for header in ["x-http-method-override", "x-http-method", "x-method-override", "x-forwarded-method"] {
        ann.get("/me").header(header, "DELETE").await;
        let answer = ann.post("/me/sessions").header(header, "DELETE").await;
        ledger.equal(format!("{header}: DELETE on a POST"), 405, answer.status);
    }
    ledger.equal("afterwards the session lives", 200, ann.get("/me").await.status);
}

/// Without a trusted proxy, nobody says where a request comes from but the connection.
async fn forwarded(node: &Node, ledger: &Ledger) {
    let client = node.client();
    let credentials = json!({ "email": "ann@example.com", "password": PASSWORD });
    let signed_in = client
        .post("/auth")
        .header("x-forwarded-for", "203.0.113.7")
        .header("x-real-ip", "203.0.113.7")
        .header("forwarded", "for=203.0.113.7")
        .json(&credentials)
        .await
        .json();
    let address = signed_in["session"]["address"].as_str().unwrap_or_default().to_owned();
    ledger.equal("an address that an untrusted peer claims", "127.0.0.1", address);
}
