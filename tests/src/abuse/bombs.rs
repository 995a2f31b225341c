//! Heads, queries and bodies that cost the node more than they weigh.

use std::io::Write as _;

use flate2::{Compression, write::GzEncoder};
use serde_json::json;

use super::{Extent, Heard, Ledger, exchange};
use crate::{Account, Home, Node, PASSWORD, pictures};

/// The most that an answer to something refused may have, in bytes: a refusal is no amplifier.
const REFUSAL_MAX: usize = 64 * 1024;

/// Runs the attack.
pub(super) async fn run(extent: Extent, ledger: Ledger) {
    let home = Home::new();
    let node = home.up().await;
    let ann = node.register("ann").await;
    heads(&node, &ledger).await;
    lists(&ann, &ledger).await;
    json_bodies(&node, &ledger).await;
    queries(&node, &ann, &ledger).await;
    packed(&ann, &ledger).await;
    forms(&ann, &ledger).await;
    ledger.equal("afterwards the node serves", 200, ann.get("/me").await.status);
    ledger.memory(extent, "the node of the bombs", &node);
}

async fn head(node: &Node, line: &str, headers: &str) -> Heard {
    exchange(node.gateway(), format!("{line} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}\r\n")).await
}

async fn heads(node: &Node, ledger: &Ledger) {
    let short = |count: usize| (0..count).map(|n| format!("x{n}: y\r\n")).collect::<Vec<_>>().concat();
    let long = |bytes: usize| format!("x: {}\r\n", "y".repeat(bytes));
    for (what, line, headers, statuses) in [
        ("90 headers", "GET /me".to_owned(), short(90), "401"),
        ("200 headers", "GET /me".to_owned(), short(200), "431"),
        ("10,000 headers", "GET /me".to_owned(), short(10_000), "431"),
        ("a header of 17 KB", "GET /me".to_owned(), long(17_000), "431"),
        ("a header of 140 KB", "GET /me".to_owned(), long(140_000), "431"),
        ("a header of 4 MB", "GET /me".to_owned(), long(4_000_000), "431"),
        ("a header's name of 70 KB", "GET /me".to_owned(), format!("{}: y\r\n", "x".repeat(70_000)), "431"),
        ("a path of 17 KB", format!("GET /{}", "x".repeat(17_000)), String::new(), "431"),
        ("a path of 70 KB", format!("GET /{}", "x".repeat(70_000)), String::new(), "431"),
        ("a path of 4 MB", format!("GET /{}", "x".repeat(4_000_000)), String::new(), "431"),
        ("a method of 100 KB", format!("{} /me", "X".repeat(100_000)), String::new(), "431"),
        ("3,000 empty lines first", format!("{}GET /me", "\r\n".repeat(3000)), String::new(), "401"),
    ] {
        let heard = head(node, &line, &headers).await;
        let small = if heard.bytes.len() <= REFUSAL_MAX { "" } else { ", large" };
        let seen = format!("{}{small}", heard.statuses());
        // Where a large head is given up, the connection may end before the answer is read.
        let pass = seen == statuses || (statuses != "401" && matches!(seen.as_str(), "431" | "400" | "none"));
        ledger.judge(what, statuses, seen, pass && heard.closed);
    }
}

/// Headers that are lists, with as many items as a head holds.
async fn lists(ann: &Account, ledger: &Ledger) {
    let photo = ann.upload(pictures::png()).await;
    let content = photo["content_url"].as_str().unwrap_or_default().to_owned();
    for (what, path, name, value, status) in [
        ("5,000 ranges", content.as_str(), "range", format!("bytes={}", vec!["0-"; 5000].join(",")), 200),
        ("2,500 overlapping ranges", content.as_str(), "range", format!("bytes={}", vec!["0-9"; 2500].join(",")), 200),
        ("5,000 tags", content.as_str(), "if-none-match", vec!["\"\""; 5000].join(","), 200),
        ("4,000 media types", "/me", "accept", vec!["a/b"; 4000].join(","), 406),
        ("3,000 parameters of a media type", "/me", "accept", format!("a/b{}", ";a=b".repeat(3000)), 406),
        ("3,000 cookies", "/me", "cookie", vec!["a=b"; 3000].join(";"), 200),
        ("4,000 encodings", "/openapi.json", "accept-encoding", vec!["x"; 4000].join(","), 200),
        ("8,000 proxies", "/me", "x-forwarded-for", vec!["1"; 8000].join(","), 200),
        ("a traceparent of 16 KB", "/me", "traceparent", "0".repeat(16_000), 200),
    ] {
        let answer = ann.get(path).header(name, &value).await;
        ledger.equal(format!("{what} ({name})"), status, answer.status);
    }
}

async fn json_bodies(node: &Node, ledger: &Ledger) {
    let client = node.client();
    let new = |name: &str| format!(r#"{{"name":{name},"email":"bob@example.com","password":"{PASSWORD}"}}"#);
    let keys = |count: usize| {
        let keys: Vec<_> = (0..count).map(|n| format!("\"k{n}\":1")).collect();
        format!("{{{}}}", keys.join(","))
    };
    for (what, body, status) in [
        ("60,000 open brackets", "[".repeat(60_000), 400),
        ("30,000 lists in a list", format!("{}{}", "[".repeat(30_000), "]".repeat(30_000)), 400),
        ("10,000 objects in an object", format!("{}1{}", "{\"a\":".repeat(10_000), "}".repeat(10_000)), 400),
        ("a name that nests 20,000 times", new(&format!("{}{}", "[".repeat(20_000), "]".repeat(20_000))), 400),
        ("a name that nests 100 times", new(&format!("{}{}", "[".repeat(100), "]".repeat(100))), 422),
        ("a number of 60,000 digits", new(&"9".repeat(60_000)), 400),
        ("a number with an exponent of 10^9", new("1e999999999"), 400),
        ("a fraction of 60,000 digits", new(&format!("0.{}", "1".repeat(60_000))), 422),
        ("60,000 blanks", format!("{}{{}}", " ".repeat(60_000)), 422),
        ("10^5 keys", keys(100_000), 413),
        ("6,000 unknown keys", keys(6_000), 422),
        ("an unknown key of 60 KB", format!("{{\"{}\":1}}", "k".repeat(60_000)), 422),
        ("a name of 60,000 escapes", new(&format!("\"{}\"", "\\u0041".repeat(10_000))), 422),
        ("a name of 20,000 accents", new(&format!("\"a{}\"", "\u{301}".repeat(20_000))), 422),
        ("a list of 30,000 names", new(&format!("[{}]", vec!["1"; 30_000].join(","))), 422),
    ] {
        let answer = client.post("/reg").body("application/json", body).await;
        refused_small(ledger, what, status, answer.status, answer.bytes.len());
    }
    let long = json!({ "email": "ann@example.com", "password": "\u{fdfa}".repeat(20_000) });
    let answer = client.post("/auth").json(&long).await;
    let pass = matches!(answer.status, 401 | 422);
    ledger.judge("a password that normalises to 360,000 characters", "401 or 422", answer.status, pass);
}

fn refused_small(ledger: &Ledger, what: &str, expected: u16, status: u16, bytes: usize) {
    let seen = format!("{status}, {bytes} bytes");
    ledger.judge(
        what,
        format!("{expected}, at most {REFUSAL_MAX} bytes"),
        seen,
        status == expected && bytes <= REFUSAL_MAX,
    );
}

async fn queries(node: &Node, ann: &Account, ledger: &Ledger) {
    let names = |count: usize| (0..count).map(|n| format!("{n}&")).collect::<Vec<_>>().concat();
    for (what, path, status) in [
        ("a query of 2,500 unknown names", format!("/me/photos?{}", names(2500)), 422),
        ("the same name 8,000 times", format!("/me/photos?{}", "a&".repeat(8000)), 400),
        ("a cursor of 15 KB", format!("/me/photos?after={}", "A".repeat(15_000)), 422),
        ("a limit of 15,000 digits", format!("/me/photos?limit={}", "9".repeat(15_000)), 422),
    ] {
        let answer = ann.get(&path).await;
        refused_small(ledger, what, status, answer.status, answer.bytes.len());
    }
    let transport = node.client().post(&format!("/auth?{}", names(2500))).json(&json!({})).await;
    refused_small(ledger, "2,500 unknown names on a sign-in", 422, transport.status, transport.bytes.len());
}

/// Bodies that unpack to something large: nothing here unpacks a request.
async fn packed(ann: &Account, ledger: &Ledger) {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&vec![b' '; 32 * 1024 * 1024]).expect("memory takes everything");
    let bomb = encoder.finish().expect("memory takes everything");
    for encoding in ["gzip", "deflate", "br", "zstd", "identity", "gzip, gzip"] {
        for (method, path, kind) in [
            ("POST", "/auth", "application/json"),
            ("PATCH", "/me/update", "application/json"),
            ("POST", "/me/photos", "image/png"),
            ("POST", "/me/photos", "multipart/form-data; boundary=x"),
        ] {
            let method = reqwest::Method::from_bytes(method.as_bytes()).expect("it is a method");
            let call = ann.call(method, path).header("content-encoding", encoding).body(kind, bomb.clone());
            let status = call.attempt().await.map_or(0, |answer| answer.status);
            ledger.equal(format!("{encoding} of 32 MB as {kind} to {path}"), 415, status);
        }
    }
}

/// Forms that never come to their file, or never end.
async fn forms(ann: &Account, ledger: &Ledger) {
    let part = |name: &str| format!("--x\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\ny\r\n");
    let file = "--x\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.png\"\r\n";
    for (what, kind, body) in [
        ("5,000 parts", "multipart/form-data; boundary=x", format!("{}--x--\r\n", part("a").repeat(5000))),
        ("5,000 files", "multipart/form-data; boundary=x", format!("{}--x--\r\n", part("file").repeat(5000))),
        ("a preamble of 1 MB", "multipart/form-data; boundary=x", "z".repeat(1_000_000)),
        ("a preamble of 1 MB in lines", "multipart/form-data; boundary=x", "z\r\n".repeat(300_000)),
        (
            "a part with 5,000 headers",
            "multipart/form-data; boundary=x",
            format!("{file}{}\r\n", "a: b\r\n".repeat(5000)),
        ),
        (
            "a part's header of 1 MB",
            "multipart/form-data; boundary=x",
            format!("{file}a: {}\r\n\r\n", "b".repeat(1_000_000)),
        ),
        ("no boundary", "multipart/form-data", part("file")),
        ("an empty boundary", "multipart/form-data; boundary=", part("file")),
        (
            "a form within a form",
            "multipart/form-data; boundary=x",
            format!("{file}content-type: multipart/mixed; boundary=y\r\n\r\n--y--\r\n--x--\r\n"),
        ),
    ] {
        let answer = ann.post("/me/photos").body(kind, body).attempt().await;
        let status = answer.as_ref().map_or(0, |answer| answer.status);
        let small = answer.is_none_or(|answer| answer.bytes.len() <= REFUSAL_MAX);
        ledger.judge(format!("a form: {what}"), "a client error", status, (400..500).contains(&status) && small);
    }
    ledger.equal("afterwards there is no photo of these", 1, ann.get("/me").await.json()["photo_count"].to_string());
}
