//! Requests hidden inside of others. A proxy and the node that disagree on where a request ends let one client's bytes
//! become another client's request.
//!
//! Invariant that is attacked: one request gets at most one answer, and nothing inside a body is ever carried out. The
//! hidden request opens an account, so that having been carried out shows afterwards.

use serde_json::json;

use super::{Extent, Ledger, exchange};
use crate::{Home, Node, PASSWORD};

/// How often the address of a hidden registration was used.
struct Hidden(usize);

impl Hidden {
    fn email(&self) -> String {
        format!("hidden{}@example.com", self.0)
    }

    /// A whole request that registers the next address.
    fn next(&mut self) -> String {
        self.0 += 1;
        let new = json!({ "name": "Hid", "email": self.email(), "password": PASSWORD }).to_string();
        let length = new.len();
        format!(
            "POST /reg HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{new}"
        )
    }
}

/// What is wrong with a request's framing, its headers, and its body before the hidden request.
type Shape = (&'static str, &'static str, &'static str);

/// Framings that no two readers agree on: each is malformed, and gets 400 or nothing.
const AMBIGUOUS: &[Shape] = &[
    ("Content-Length and Transfer-Encoding", "content-length: 5\r\ntransfer-encoding: chunked", "0\r\n\r\n"),
    ("Transfer-Encoding and Content-Length", "transfer-encoding: chunked\r\ncontent-length: 5", "0\r\n\r\n"),
    ("two Content-Lengths that differ", "content-length: 0\r\ncontent-length: 5", ""),
    ("two Content-Lengths that agree", "content-length: 0\r\ncontent-length: 0", ""),
    ("a list of Content-Lengths", "content-length: 0, 0", ""),
    ("a Content-Length with a sign", "content-length: +0", ""),
    ("a Content-Length below zero", "content-length: -1", ""),
    ("a hexadecimal Content-Length", "content-length: 0x0", ""),
    ("a Content-Length with a fraction", "content-length: 0.0", ""),
    ("an empty Content-Length", "content-length:", ""),
    ("a Content-Length past 64 bits", "content-length: 18446744073709551616", ""),
    ("a Content-Length with a blank in it", "content-length: 0 0", ""),
    ("two Transfer-Encodings", "transfer-encoding: chunked\r\ntransfer-encoding: identity", "0\r\n\r\n"),
    ("chunked twice", "transfer-encoding: chunked, chunked", "0\r\n\r\n"),
    ("chunked before identity", "transfer-encoding: chunked, identity", "0\r\n\r\n"),
    ("identity before chunked", "transfer-encoding: identity, chunked", "0\r\n\r\n"),
    ("gzip before chunked", "transfer-encoding: gzip, chunked", "0\r\n\r\n"),
    ("an unknown coding", "transfer-encoding: xchunked", "0\r\n\r\n"),
    ("identity alone", "transfer-encoding: identity", "0\r\n\r\n"),
    ("chunked in quotes", "transfer-encoding: \"chunked\"", "0\r\n\r\n"),
    ("chunked with a parameter", "transfer-encoding: chunked;q=1", "0\r\n\r\n"),
    ("chunked behind a vertical tab", "transfer-encoding: \x0bchunked", "0\r\n\r\n"),
    ("an empty Transfer-Encoding", "transfer-encoding:", "0\r\n\r\n"),
    ("a blank before the colon", "transfer-encoding : chunked", "0\r\n\r\n"),
    ("a tab before the colon", "transfer-encoding\t: chunked", "0\r\n\r\n"),
    ("a blank before Content-Length's colon", "content-length : 5", ""),
    ("a value on the next line", "transfer-encoding:\r\n chunked", "0\r\n\r\n"),
    ("a name that begins with a blank", "x: y\r\n content-length: 5", ""),
    ("a NUL in a value", "x: \0\r\ncontent-length: 0", ""),
    ("a bare carriage return in a value", "x: y\rcontent-length: 5", ""),
    ("a NUL in a name", "content\0-length: 5", ""),
    ("a name without a colon", "content-length 5", ""),
];

/// Chunks that are none.
const CHUNKS: &[(&str, &str)] = &[
    ("a chunk of no size", "\r\n\r\n0\r\n\r\n"),
    ("a chunk size with a sign", "+1\r\n{\r\n0\r\n\r\n"),
    ("a chunk size below zero", "-1\r\n{\r\n0\r\n\r\n"),
    ("a chunk size with 0x", "0x1\r\n{\r\n0\r\n\r\n"),
    ("a chunk size with a blank before it", " 1\r\n{\r\n0\r\n\r\n"),
    ("a chunk size of 17 digits", "10000000000000001\r\n{\r\n0\r\n\r\n"),
    ("a chunk size past 64 bits", "fffffffffffffffff\r\n{\r\n0\r\n\r\n"),
    ("a chunk size of almost 64 bits", "fffffffffffffffe\r\n{\r\n0\r\n\r\n"),
    ("a chunk that is longer than its size", "1\r\n{}}}\r\n0\r\n\r\n"),
    ("a chunk size that ends with a bare line feed", "1\n{\r\n0\r\n\r\n"),
    ("a chunk that ends with a bare line feed", "1\r\n{\n0\r\n\r\n"),
    ("a bare line feed in a chunk extension", "1;a\nb\r\n{\r\n0\r\n\r\n"),
    ("a NUL in a chunk extension", "1;\0\r\n{\r\n0\r\n\r\n"),
];

/// Runs the attack.
pub(super) async fn run(extent: Extent, ledger: Ledger) {
    let home = Home::new();
    let node = home.up().await;
    let mut hidden = Hidden(0);
    control(&node, &mut hidden, &ledger).await;
    for (what, headers, body) in AMBIGUOUS {
        for path in ["/auth", "/nowhere"] {
            let request = hide(path, headers, body, &hidden.next());
            refused(&node, &format!("{what}, to {path}"), &request, &hidden, &ledger).await;
        }
    }
    for (what, chunks) in CHUNKS {
        let request = hide("/auth", "transfer-encoding: chunked", chunks, &hidden.next());
        refused(&node, what, &request, &hidden, &ledger).await;
    }
    bodies(&node, &mut hidden, &ledger).await;
    protocols(&node, &mut hidden, &ledger).await;
    ledger.memory(extent, "the node of the smuggled requests", &node);
}

fn hide(path: &str, headers: &str, body: &str, hidden: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n{headers}\r\n\r\n{body}{hidden}")
}

/// What a client pipelines honestly is carried out: else nothing that follows could fail.
async fn control(node: &Node, hidden: &mut Hidden, ledger: &Ledger) {
    let request = format!("GET /nowhere HTTP/1.1\r\nhost: x\r\n\r\n{}", hidden.next());
    let heard = exchange(node.gateway(), request).await;
    ledger.equal("control: two requests, one after the other", "404 201", heard.statuses());
    ledger.equal("control: the second one is carried out", true, was_carried_out(node, hidden).await);
}

async fn refused(node: &Node, what: &str, request: &str, hidden: &Hidden, ledger: &Ledger) {
    let heard = exchange(node.gateway(), request).await;
    let carried_out = was_carried_out(node, hidden).await;
    let statuses = heard.statuses();
    let pass = matches!(statuses.as_str(), "400" | "none") && heard.closed && !carried_out;
    let seen = if carried_out { format!("{statuses}, carried out") } else { statuses };
    ledger.judge(what, "400, closed, not carried out", seen, pass);
}

/// Whether the hidden account exists: a sign-in tells.
async fn was_carried_out(node: &Node, hidden: &Hidden) -> bool {
    let credentials = json!({ "email": hidden.email(), "password": PASSWORD });
    node.client().post("/auth").json(&credentials).await.status == 200
}

/// Whole requests in the bodies of requests that are refused before their body is read.
async fn bodies(node: &Node, hidden: &mut Hidden, ledger: &Ledger) {
    for (what, line, headers) in [
        ("an unknown path", "POST /nowhere", "content-type: application/json"),
        ("a wrong method", "POST /me", "content-type: application/json"),
        ("a wrong type", "POST /auth", "content-type: text/plain"),
        ("a missing session", "POST /me/photos", "content-type: image/png"),
        ("a foreign origin", "POST /auth", "content-type: application/json\r\norigin: https://evil.example"),
        ("a read with a body", "GET /openapi.json", "content-type: application/json"),
        ("a look without a session, with a body", "GET /me", "content-type: application/json"),
        ("OPTIONS with a body", "OPTIONS /reg", "content-type: application/json"),
        ("a body that must be asked for", "POST /me/photos", "content-type: image/png\r\nexpect: 100-continue"),
        ("a body of an unknown expectation", "POST /nowhere", "expect: 200-ok"),
    ] {
        for chunked in [false, true] {
            let body = hidden.next();
            let (framing, body) = if chunked {
                ("transfer-encoding: chunked".to_owned(), format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len()))
            } else {
                (format!("content-length: {}", body.len()), body)
            };
            let request = format!("{line} HTTP/1.1\r\nhost: x\r\n{headers}\r\n{framing}\r\n\r\n{body}");
            let heard = exchange(node.gateway(), request).await;
            let carried_out = was_carried_out(node, hidden).await;
            let how = if chunked { "in chunks" } else { "by length" };
            let seen = format!("{} {carried_out}", heard.answers().len());
            ledger.equal(format!("a request in the body, {how}, of {what}: answers, carried out"), "1 false", seen);
        }
    }
}

/// Requests behind something that is no HTTP/1.1, or wants to be something else from here on.
async fn protocols(node: &Node, hidden: &mut Hidden, ledger: &Ledger) {
    for (what, before, statuses) in [
        ("no HTTP at all", "HELO example.com\r\n\r\n", "400"),
        ("HTTP/0.9", "GET /me\r\n\r\n", "400"),
        ("HTTP/2's preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "400"),
        ("a version that there is none of", "GET /me HTTP/1.9\r\nhost: x\r\n\r\n", "400"),
        (
            "a chunked body in HTTP/1.0",
            "POST /auth HTTP/1.0\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            "400",
        ),
        ("a POST of no length in HTTP/1.0", "POST /auth HTTP/1.0\r\nhost: x\r\n\r\n", "400"),
        ("HTTP/1.0, which ends the connection", "GET /nowhere HTTP/1.0\r\n\r\n", "404 400"),
        (
            "a request that ends the connection",
            "GET /nowhere HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
            "404 400",
        ),
        ("CONNECT", "CONNECT evil.example:443 HTTP/1.1\r\nhost: evil.example:443\r\n\r\n", "404"),
        (
            "a wish for WebSocket",
            "GET /nowhere HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
            "400",
        ),
        (
            "a wish for WebSocket with a body of no bytes",
            "POST /auth HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\ncontent-length: 0\r\n\r\n",
            "400",
        ),
    ] {
        let request = format!("{before}{}", hidden.next());
        let heard = exchange(node.gateway(), request).await;
        let carried_out = was_carried_out(node, hidden).await;
        ledger.equal(
            format!("a request behind {what}: answers, carried out"),
            format!("{statuses} false"),
            format!("{} {carried_out}", heard.statuses()),
        );
    }
    let line_feeds = exchange(node.gateway(), "GET /nowhere HTTP/1.1\nhost: x\n\n").await;
    let tolerated = matches!(line_feeds.statuses().as_str(), "400" | "404");
    ledger.judge("a head with bare line feeds (RFC 9112, section 2.2)", "one answer", line_feeds.statuses(), tolerated);
}
