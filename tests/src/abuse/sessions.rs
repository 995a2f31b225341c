//! Sessions that an attacker chose, kept or should not have, and the cookies that carry them.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::{Extent, Ledger};
use crate::{Answer, Client, Home, Node, PASSWORD};

const NEW_PASSWORD: &str = "cobalt ladder harvest";
/// Well formed as a token, and chosen by the attacker.
const CHOSEN: &str = "QXR0YWNrZXJBdHRhY2tlckF0dGFja2VyQXR0YWNrZXI";

/// Runs the attack.
pub(super) async fn run(extent: Extent, ledger: Ledger) {
    let home = Home::new();
    let node = home.up().await;
    fixation(&node, &ledger).await;
    freshness(&node, extent, &ledger).await;
    rotation(&node, &ledger).await;
    places(&node, &ledger).await;
    ledger.memory(extent, "the node of the session attacks", &node);
    cookies_of_http(&node, &ledger).await;
    cookies_of_https(&ledger).await;
}

fn credentials(name: &str, password: &str) -> Value {
    json!({ "email": format!("{name}@example.com"), "password": password })
}

async fn with_cookie(client: &Client, cookie: &str) -> u16 {
    client.get("/me").header("cookie", &format!("session={cookie}")).await.status
}

/// A victim signs in with the attacker's cookie in the jar: it must never become the victim's session.
async fn fixation(node: &Node, ledger: &Ledger) {
    let stranger = node.client();
    let victim = node.register("victim").await;
    let mallory = node.register("mallory").await;
    for (what, cookie) in [("a token of the attacker's making", CHOSEN), ("the attacker's own session", &mallory.token)]
    {
        let answer = node
            .client()
            .post("/auth")
            .header("cookie", &format!("session={cookie}"))
            .json(&credentials("victim", PASSWORD))
            .await;
        let adopted = answer.cookie("session") == Some(cookie);
        ledger.equal(format!("sign in while {what} is presented"), "200, another token", told(&answer, adopted));
        let owner = stranger.get("/me").header("cookie", &format!("session={cookie}")).await.json();
        ledger.equal(format!("use {what} afterwards"), false, owner["id"] == victim.id.as_str());
    }
    let new = json!({ "name": "Vic", "email": "vic@example.com", "password": PASSWORD });
    let answer = node.client().post("/reg").header("cookie", &format!("session={CHOSEN}")).json(&new).await;
    let adopted = answer.cookie("session") == Some(CHOSEN);
    ledger.equal("register while a chosen token is presented", "201, another token", told(&answer, adopted));
    ledger.equal("use the chosen token after the registration", 401, with_cookie(&stranger, CHOSEN).await);
}

fn told(answer: &Answer, adopted: bool) -> String {
    format!("{}, {}", answer.status, if adopted { "the same token" } else { "another token" })
}

async fn freshness(node: &Node, extent: Extent, ledger: &Ledger) {
    node.register("often").await;
    let signs = extent.pick(5, 50);
    let mut tokens = HashSet::new();
    for _ in 0..signs {
        let answer = node.client().post("/auth").json(&credentials("often", PASSWORD)).await;
        tokens.extend(answer.cookie("session").map(str::to_owned));
    }
    let whole = tokens.iter().filter(|token| token.len() == 43).count();
    ledger.equal(format!("sign in {signs} times: tokens of 256 bits that differ"), signs, whole);
}

/// What rotates the current session ends all others.
async fn rotation(node: &Node, ledger: &Ledger) {
    let stranger = node.client();
    for (name, change) in [
        ("changer", json!({ "current_password": PASSWORD, "new_password": NEW_PASSWORD })),
        ("mover", json!({ "current_password": PASSWORD, "email": "moved@example.com" })),
    ] {
        let stolen = node.register(name).await;
        let browser = node.client();
        let before = browser.post("/auth").json(&credentials(name, PASSWORD)).await;
        let before = before.cookie("session").unwrap_or_default().to_owned();
        let answer = browser.patch("/me/update").json(&change).await;
        let after = answer.cookie("session").unwrap_or_default().to_owned();
        let what = if name == "changer" { "the password" } else { "the address" };
        let fresh = !after.is_empty() && after != before;
        ledger.equal(
            format!("change {what}: the session is another one"),
            "200 true",
            format!("{} {fresh}", answer.status),
        );
        ledger.equal(format!("use the session from before {what} changed"), 401, with_cookie(&stranger, &before).await);
        ledger.equal(format!("use a stolen session after {what} changed"), 401, stolen.get("/me").await.status);
        ledger.equal(format!("use the new session after {what} changed"), 200, with_cookie(&stranger, &after).await);
    }
    let leaver = node.register("leaver").await;
    leaver.delete("/logout").await;
    ledger.equal("use a session after its owner signed out", 401, leaver.get("/me").await.status);
}

/// A token counts in a cookie or an Authorization header, and nowhere else.
async fn places(node: &Node, ledger: &Ledger) {
    let (ann, stranger) = (node.register("ann").await, node.client());
    let token = &ann.token;
    for query in ["session", "token", "access_token", "sid"] {
        let answer = stranger.get(&format!("/me?{query}={token}")).await;
        ledger.equal(format!("present a live token as the query's {query}"), 401, answer.status);
    }
    for (header, value) in [
        ("x-session", token.clone()),
        ("x-auth-token", token.clone()),
        ("cookie", format!("Session={token}")),
        ("cookie", format!("__Host-session={token}")),
        ("cookie", format!("session={CHOSEN}; session={token}")),
        ("authorization", token.clone()),
        ("authorization", format!("Token {token}")),
        ("authorization", format!("Bearer {token} x")),
        ("authorization", format!("Bearer  {token}x")),
    ] {
        let shown = value.replace(token.as_str(), "<live>");
        let answer = stranger.get("/me").header(header, &value).await;
        ledger.equal(format!("present a live token as {header}: {shown}"), 401, answer.status);
    }
    let user = stranger.get("/me").header("x-user-id", &ann.id).header("x-session-id", &ann.id).await;
    ledger.equal("claim to be verified already (X-User-Id)", 401, user.status);
}

/// The attributes of the cookie `name`, in order, without its value.
fn attributes(answer: &Answer, name: &str) -> String {
    let lines = answer.headers.get_all("set-cookie").iter().filter_map(|line| line.to_str().ok());
    let line = lines.into_iter().find(|line| line.starts_with(&format!("{name}="))).unwrap_or_default();
    let mut attributes: Vec<_> = line.split("; ").skip(1).map(str::to_owned).collect();
    attributes.sort();
    attributes.join("; ")
}

async fn cookies_of_http(node: &Node, ledger: &Ledger) {
    let new = json!({ "name": "Flo", "email": "flo@example.com", "password": PASSWORD });
    let browser = node.client();
    let answer = browser.post("/reg").json(&new).await;
    let expected = |age: &str| format!("HttpOnly; Max-Age={age}; Path=/; SameSite=Lax");
    ledger.equal("over loopback http: the session's cookie", expected("2592000"), attributes(&answer, "session"));
    ledger.equal("over loopback http: the device's cookie", expected("31536000"), attributes(&answer, "device"));
    let left = browser.delete("/logout").await;
    let cleared = (left.cookie("session") == Some("")).then(|| attributes(&left, "session"));
    ledger.equal("sign out: the cookie is cleared", expected("0"), cleared.unwrap_or_default());
}

async fn cookies_of_https(ledger: &Ledger) {
    let home = Home::new().set("gateway.public_url", "https://accounts.example.org");
    let node = home.up().await;
    let new = json!({ "name": "Flo", "email": "flo@example.com", "password": PASSWORD });
    let stranger = node.client();
    let answer = node.client().post("/reg").json(&new).await;
    let expected = |age: &str| format!("HttpOnly; Max-Age={age}; Path=/; SameSite=Lax; Secure");
    let token = answer.cookie("__Host-session").unwrap_or_default().to_owned();
    ledger.equal("over https: __Host-session", expected("2592000"), attributes(&answer, "__Host-session"));
    ledger.equal("over https: __Host-device", expected("31536000"), attributes(&answer, "__Host-device"));
    ledger.equal(
        "over https: Strict-Transport-Security",
        "max-age=63072000",
        answer.header("strict-transport-security"),
    );
    let lives = |name: &str| stranger.get("/me").header("cookie", &format!("{name}={token}"));
    ledger.equal("over https: the cookie by its name", 200, lives("__Host-session").await.status);
    ledger.equal("over https: the same without its prefix", 401, lives("session").await.status);
    ledger.equal("over https: the prefix in small letters", 401, lives("__host-session").await.status);
}
