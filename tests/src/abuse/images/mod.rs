//! Pictures that bomb, lie, hide metadata or carry scripts.
//!
//! Invariant that is attacked: a picture is refused, or kept without anything but what it is drawn with; and whatever is
//! kept can do nothing in the browser that shows it.

mod bombs;
mod containers;
mod hidden;

use reqwest::Method;

use super::{Extent, Ledger};
use crate::{Account, Answer, Home, Node, pictures};

/// Stands in everything that must not be kept.
pub(super) const CANARY: &str = "canary-4d1c9e-hidden";

/// A picture by name.
pub(super) type Picture = (String, Vec<u8>);

/// Runs the attack.
pub(super) async fn run(extent: Extent, ledger: Ledger) {
    let home = Home::new();
    let node = home.up().await;
    let ann = node.register("ann").await;
    for (what, bytes) in hidden::pictures() {
        stripped(&home, &ann, &what, bytes, &ledger).await;
    }
    for (what, bytes) in hidden::impostors() {
        refused(&ann, &what, bytes, &ledger).await;
    }
    lies(&node, &ann, &ledger).await;
    for (what, bytes) in bombs::pictures(extent) {
        refused(&ann, &what, bytes, &ledger).await;
    }
    ledger.memory(extent, "the node of the evil pictures", &node);
    if extent.is_full() {
        largest(&ledger).await;
    }
}

/// A good picture with something hidden in it.
async fn stripped(home: &Home, ann: &Account, what: &str, bytes: Vec<u8>, ledger: &Ledger) {
    let answer = ann.post("/me/photos").body("image/png", bytes).await;
    let seen = match answer.status {
        201 => kept(home, ann, &answer).await,
        422 | 415 => "gone".to_owned(),
        status => format!("{status}"),
    };
    ledger.equal(what, "gone", seen);
}

/// What a kept picture shows of what was hidden in it.
async fn kept(home: &Home, ann: &Account, uploaded: &Answer) -> String {
    let photo = uploaded.json();
    let mut places = Vec::new();
    for name in ["content_url", "thumb_url"] {
        let url = photo[name].as_str().unwrap_or_default().to_owned();
        let served = ann.get(&url).await;
        if let Some(unsafe_part) = unguarded(&served) {
            places.push(format!("{name} served without {unsafe_part}"));
        }
        if holds_canary(&served.bytes) {
            places.push(name.to_owned());
        }
    }
    let files = home.files();
    places.extend(files.iter().filter(|file| std::fs::read(file).is_ok_and(|bytes| holds_canary(&bytes))).map(
        |file| {
            let name = file.strip_prefix(home.data()).unwrap_or(file);
            let first = name.components().next();
            first.map_or(name.display().to_string(), |first| first.as_os_str().to_string_lossy().into_owned())
        },
    ));
    if let Some(id) = photo["id"].as_str() {
        ann.delete(&format!("/me/photos/{id}")).await;
    }
    if places.is_empty() { "gone".to_owned() } else { format!("in {}", places.join(", ")) }
}

fn holds_canary(bytes: &[u8]) -> bool {
    bytes.windows(CANARY.len()).any(|window| window == CANARY.as_bytes())
}

/// What a browser may do with a picture: show it.
const POLICY: &str = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; sandbox";

/// What a picture's answer lacks to be harmless.
fn unguarded(served: &Answer) -> Option<&'static str> {
    let kinds = ["image/jpeg", "image/png", "image/webp", "image/gif"];
    let guards = [
        (served.header("x-content-type-options") == "nosniff", "nosniff"),
        (served.header("content-security-policy") == POLICY, "the policy"),
        (kinds.contains(&served.header("content-type")), "a picture's type"),
        (served.header("cross-origin-resource-policy") == "same-origin", "the resource policy"),
        (served.header("content-disposition").starts_with("inline; filename=\"0"), "a file name of its own"),
    ];
    guards.into_iter().find(|(holds, _)| !holds).map(|(_, what)| what)
}

/// No picture, or one that is not what it says.
async fn refused(ann: &Account, what: &str, bytes: Vec<u8>, ledger: &Ledger) {
    let answer = ann.post("/me/photos").body("image/png", bytes).await;
    let pass = matches!(answer.status, 413 | 415 | 422);
    ledger.judge(what, "413, 415 or 422", answer.status, pass);
}

/// A good picture under a bad name or type: served as what it is, under a name of the node's own.
async fn lies(node: &Node, ann: &Account, ledger: &Ledger) {
    for name in
        ["../../../etc/cron.d/x", "..\\..\\x.html", "x.html", "x.svg", "x.php\0.png", "\"; filename=\"y.html", "CON"]
    {
        let answer = ann.post("/me/photos").form_file("file", name, pictures::png()).await;
        let url = answer.json()["content_url"].as_str().unwrap_or_default().to_owned();
        let served = ann.get(&url).await;
        let guarded = unguarded(&served).unwrap_or("guarded");
        let seen = match answer.status {
            201 => format!("served as {}, {guarded}", served.header("content-type")),
            status => format!("{status}"),
        };
        let pass = matches!(seen.as_str(), "400" | "served as image/png, guarded");
        ledger.judge(
            format!("a PNG that is called {}", name.escape_debug()),
            "400, or served as image/png",
            seen,
            pass,
        );
    }
    for kind in ["text/html", "image/svg+xml", "application/javascript", "application/pdf", "image/jpeg"] {
        let answer = ann.post("/me/photos").body(kind, pictures::png()).await;
        let url = answer.json()["content_url"].as_str().unwrap_or_default().to_owned();
        let served = ann.call(Method::GET, &url).await;
        let seen = if answer.status == 415 { "415".to_owned() } else { served.header("content-type").to_owned() };
        let pass = seen == "415" || (seen == "image/png" && unguarded(&served).is_none());
        ledger.judge(format!("a PNG that is sent as {kind}"), "415, or served as image/png", seen, pass);
    }
    let photo = ann.upload(pictures::png()).await;
    let url = photo["content_url"].as_str().unwrap_or_default().to_owned();
    ledger.equal("another's picture by its address, without a session", 401, node.client().get(&url).await.status);
}

/// The largest pictures that the defaults let in, several at once: what a node needs at the most.
async fn largest(ledger: &Ledger) {
    for (what, bytes) in bombs::largest() {
        let home = Home::new();
        let node = home.up().await;
        let ann = std::sync::Arc::new(node.register("ann").await);
        let uploads: Vec<_> = (0..8)
            .map(|_| {
                let (ann, bytes) = (std::sync::Arc::clone(&ann), bytes.clone());
                tokio::spawn(async move {
                    ann.post("/me/photos").body("image/png", bytes).attempt().await.map_or(0, |answer| answer.status)
                })
            })
            .collect();
        let mut statuses = Vec::new();
        for upload in uploads {
            statuses.push(upload.await.unwrap_or(0));
        }
        let pass = statuses.iter().all(|status| matches!(status, 201 | 422 | 503 | 504));
        ledger.judge(format!("{what}, eight at once"), "201, 422, 503 or 504", format!("{statuses:?}"), pass);
        ledger.memory(Extent::Full, &format!("a node that took in {what}"), &node);
    }
}
