//! Paths that mean something else than they say: to climb, to hide, or to pass by what guards another path.

use super::{Extent, Ledger, answers, exchange};
use crate::{Account, Home, Node, pictures};

/// Request targets that no route answers to. An attacker hopes that a proxy reads them in one way and the node in another.
const TARGETS: &[&str] = &[
    "/..",
    "/../me",
    "/me/..",
    "/me/../me",
    "/./me",
    "/me/.",
    "/me/",
    "/me//",
    "//me",
    "///me",
    "/me//sessions",
    "/%2e%2e/me",
    "/%2E%2E/me",
    "/.%2e/me",
    "/%2e/me",
    "/me/%2e%2e/me",
    "/me%2f",
    "/me%2Fsessions",
    "/%2fme",
    "/me%5csessions",
    "/..%5c..%5cme",
    "/me\\sessions",
    "/..\\me",
    "/me%00",
    "/me%00.png",
    "/%00/me",
    "/me%0d%0a",
    "/me%0a",
    "/me%20",
    "/me%09",
    "/me.",
    "/me.json",
    "/me;a=b",
    "/me;",
    "/;/me",
    "/..;/me",
    "/ME",
    "/Me",
    "/mE/sessions",
    "/me%c0%af",
    "/%c0%ae%c0%ae/me",
    "/%e0%80%ae/me",
    "/me%ff",
    "/%25%36%64%65",
    "/%256de",
    "/me%u002e",
    "/me%",
    "/me%2",
    "/me%zz",
    "/docs/../me",
    "/docs/..%2f..%2fme",
    "/docs/%2e%2e/me",
    "/docs/problems/../../me",
    "/docs/problems/..%2f..%2f..%2fetc%2fpasswd",
    "/docs/problems/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
    "/me/photos/..%2f..%2f..%2fuser.db/content",
    "/me/photos/%2e%2e/content",
    "/me/photos/../content",
    "/me/photos/....%2f%2f/content",
    "/me/photos//content",
    "/me/photos/C:%5cuser.db/content",
    "/users/id/..%2fme",
    "/users/id/%2e%2e/photos",
    "/users/id/*",
    "/users/id/me",
    "/metrics",
    "/livez",
    "/readyz",
    "/tree",
    "/.env",
    "/.git/config",
    "/server-status",
    "/admin",
    "/actuator/env",
    "/data/user.db",
    "/etc/passwd",
    "/proc/self/environ",
    "*",
];

/// Runs the attack.
pub(super) async fn run(extent: Extent, ledger: Ledger) {
    let home = Home::new();
    let node = home.up().await;
    let ann = node.register("ann").await;
    ann.upload(pictures::png()).await;
    let leaks = [ann.id.clone(), "ann@example.com".to_owned(), "root:".to_owned(), "SQLite format".to_owned()];
    for target in TARGETS {
        let reply = get(&node, &ann, target).await;
        let leaked = leaks.iter().any(|leak| reply.1.contains(leak.as_str()));
        let refused = matches!(reply.0.as_str(), "400" | "404") && !leaked;
        let seen = format!("{}{}", reply.0, if leaked { " with data" } else { "" });
        ledger.judge(format!("GET {target}"), "404 or 400, no data", seen, refused);
    }
    control_bytes(&node, &ledger).await;
    equivalents(&node, &ann, &ledger).await;
    ledger.memory(extent, "the node of the path tricks", &node);
}

async fn get(node: &Node, ann: &Account, target: &str) -> (String, String) {
    let request = format!("GET {target} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\r\n", ann.token);
    let heard = exchange(node.gateway(), request).await;
    (heard.statuses(), String::from_utf8_lossy(&heard.bytes).into_owned())
}

/// Bytes that no request target may hold.
async fn control_bytes(node: &Node, ledger: &Ledger) {
    let targets: [(&str, &[u8]); 6] = [
        ("a NUL", b"/me\0"),
        ("a carriage return", b"/me\r/x"),
        ("a tab", b"/me\t"),
        ("a blank", b"/me /x"),
        ("an escape", b"/\x1b[2J"),
        ("a DEL", b"/me\x7f"),
    ];
    for (what, target) in targets {
        let request = [b"GET ", target, b" HTTP/1.1\r\nhost: x\r\n\r\n"].concat();
        let heard = exchange(node.gateway(), request).await;
        ledger.equal(format!("a request target with {what} in it"), "400", heard.statuses());
    }
}

/// What RFC 3986 calls the same (section 6.2.2.2) is the same, so that it passes nothing by: it needs a session too.
async fn equivalents(node: &Node, ann: &Account, ledger: &Ledger) {
    for target in ["/%6de", "/m%65", "/%6d%65"] {
        let heard = exchange(node.gateway(), format!("GET {target} HTTP/1.1\r\nhost: x\r\n\r\n")).await;
        let replies = answers(&heard.bytes);
        let stranger = replies.first().map_or(0, |reply| reply.status);
        let owner = get(node, ann, target).await.0;
        let pass = matches!((stranger, owner.as_str()), (401, "200") | (404, "404"));
        ledger.judge(
            format!("GET {target}, without and with a session"),
            "401 200, or 404 404",
            format!("{stranger} {owner}"),
            pass,
        );
    }
}
