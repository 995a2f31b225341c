//! Requests that a browser makes for another site, to every unsafe route that the API's own description lists.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Extent, Ledger};
use crate::{Answer, Client, Home, Node, PASSWORD, pictures};

/// What a page of another site makes a browser send.
const FOREIGN: &[&[(&str, &str)]] = &[
    &[("origin", "https://evil.example")],
    &[("origin", "https://evil.example"), ("sec-fetch-site", "same-origin")],
    &[("origin", "null"), ("sec-fetch-site", "none")],
    &[("origin", "")],
    &[("origin", "http://127.0.0.1:8080.evil.example")],
    &[("origin", "http://127.0.0.1:8080@evil.example")],
    &[("origin", "https://127.0.0.1:8080")],
    &[("origin", "HTTP://127.0.0.1:8080/")],
    &[("sec-fetch-site", "cross-site")],
    &[("sec-fetch-site", "same-site")],
    &[("sec-fetch-site", "SAME-ORIGIN")],
    &[("host", "evil.example"), ("origin", "http://evil.example")],
    &[("x-forwarded-host", "evil.example"), ("origin", "http://evil.example")],
];

/// Where the browser is told that the node is, wherever it listens.
const OWN: &str = "http://127.0.0.1:8080";

/// Runs the attack.
pub(super) async fn run(extent: Extent, ledger: Ledger) {
    let home = Home::new().set("gateway.public_url", OWN);
    let node = home.up().await;
    let browser = node.client();
    let new = json!({ "name": "Ann", "email": "ann@example.com", "password": PASSWORD });
    browser.post("/reg").json(&new).await.expect(201);
    let routes = unsafe_routes(&node, &browser).await;
    ledger.judge("unsafe routes in openapi.json", "at least 8", routes.len(), routes.len() >= 8);
    for (method, path) in &routes {
        for headers in FOREIGN {
            let answer = forged(&browser, method, path, headers).await;
            ledger.equal(format!("{method} {path} with {}", shown(headers)), "403 cross_site", told(&answer));
        }
    }
    let me = browser.get("/me").await.json();
    ledger.equal(
        "afterwards the account is as it was",
        "Ann 1",
        format!("{} {}", text(&me["name"]), me["photo_count"]),
    );
    let own: &[(&str, &str)] = &[("origin", OWN), ("sec-fetch-site", "same-origin")];
    let control = forged(&browser, &Method::PATCH, "/me/update", own).await;
    ledger.equal("the same from the own site is served", 200, control.status);
    ledger.memory(extent, "the node of the cross-site requests", &node);
}

fn shown(headers: &[(&str, &str)]) -> String {
    let pairs: Vec<_> = headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    pairs.join(", ")
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn told(answer: &Answer) -> String {
    format!("{} {}", answer.status, text(&answer.json()["code"]))
}

/// Every method that is not safe, of every path, with ids that exist.
async fn unsafe_routes(node: &Node, browser: &Client) -> Vec<(Method, String)> {
    let photo = browser.upload(pictures::png()).await;
    let session = browser.get("/me/sessions").await.json();
    let user = browser.get("/me").await.json();
    let document = node.client().get("/openapi.json").await.json();
    let mut routes = Vec::new();
    for (path, operations) in document["paths"].as_object().expect("openapi.json lists paths") {
        let id = if path.contains("/sessions/") { &session[0]["id"] } else { &user["id"] };
        let path = path.replace("{photo_id}", text(&photo["id"])).replace("{id}", text(id));
        for method in ["post", "put", "patch", "delete"] {
            if operations.get(method).is_some() {
                let method = Method::from_bytes(method.to_uppercase().as_bytes()).expect("it is a method");
                routes.push((method, path.clone()));
            }
        }
    }
    routes
}

/// A request that would succeed if it came from the own site.
async fn forged(browser: &Client, method: &Method, path: &str, headers: &[(&str, &str)]) -> Answer {
    let call = browser.call(method.clone(), path);
    let call = match (method.as_str(), path) {
        ("POST", "/me/photos") => call.body("image/png", pictures::png()),
        ("POST", "/reg") => call.json(&json!({ "name": "Eve", "email": "eve@example.com", "password": PASSWORD })),
        ("POST", _) => call.json(&json!({ "email": "ann@example.com", "password": PASSWORD })),
        ("PATCH", _) => call.json(&json!({ "name": "Eve" })),
        ("DELETE", "/delete") => call.json(&json!({ "password": PASSWORD })),
        _ => call,
    };
    headers.iter().fold(call, |call, (name, value)| call.header(name, value)).await
}
