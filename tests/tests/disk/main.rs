//! A disk that fills, and a file system that refuses writes: requests are turned away and the node is not ready, nothing
//! acknowledged is lost, and it heals by itself.

use std::collections::{BTreeMap, BTreeSet};

use portico_tests::{Answer, Client, Home, Node, PASSWORD, SmallDisk, eventually, pictures};
use serde_json::{Value, json};

/// Room for a node and some megabytes of what it is asked to keep.
const DISK_BYTES: u64 = 24 * 1024 * 1024;
/// The most requests until each kind must have met the full disk: a write-ahead log has room of its own.
const REQUESTS_MAX: u32 = 400;

/// What was acknowledged.
#[derive(Default)]
struct Kept {
    tokens: Vec<String>,
    /// Who uploaded it, and where its content is.
    photos: Vec<(String, String)>,
    refusals: BTreeMap<&'static str, BTreeSet<(u16, String)>>,
}

impl Kept {
    /// Notes an answer, or how it was refused; true when it was acknowledged.
    fn note(&mut self, what: &'static str, answer: &Answer, success: u16) -> bool {
        if answer.status == success {
            return true;
        }
        let (status, code, _) = answer.problem();
        self.refusals.entry(what).or_default().insert((status, code));
        false
    }

    async fn register(&mut self, node: &Node, number: u32) {
        let new = json!({"name": "Ann", "email": format!("ann{number}@example.com"), "password": PASSWORD});
        let answer = node.client().post("/reg?transport=bearer").json(&new).await;
        if self.note("register", &answer, 201) {
            self.tokens.push(answer.json()["token"].as_str().unwrap().to_owned());
        }
    }

    async fn sign_in(&mut self, node: &Node) {
        let answer = node
            .client()
            .post("/auth?transport=bearer")
            .json(&json!({"email": "ann0@example.com", "password": PASSWORD}))
            .await;
        if self.note("sign in", &answer, 200) {
            self.tokens.push(answer.json()["token"].as_str().unwrap().to_owned());
        }
    }

    async fn upload(&mut self, node: &Node) {
        let token = self.tokens[0].clone();
        let picture = pictures::picture(300, 200, image::ImageFormat::Png);
        let answer = node.client().with_token(&token).post("/me/photos").body("image/png", picture).await;
        if self.note("upload", &answer, 201) {
            self.photos.push((token, answer.json()["content_url"].as_str().unwrap().to_owned()));
        }
    }

    /// Everything that was acknowledged is there.
    async fn check(&self, client: &Client) {
        for token in &self.tokens {
            client.with_token(token).get("/me").await.expect(200);
        }
        for (token, content) in &self.photos {
            let content = client.with_token(token).get(content).await;
            assert!(content.status == 200 && image::load_from_memory(&content.bytes).is_ok(), "{content:?}");
        }
    }
}

/// The checks of `/readyz` that fail, by name.
async fn failing(node: &Node) -> BTreeSet<String> {
    let report = node.operator_client().get("/readyz").await.json();
    let checks = report["checks"].as_array().unwrap().iter().filter(|check| check["ok"] == false);
    checks.map(|check| check["name"].as_str().unwrap().to_owned()).collect()
}

/// The sequences of all log records of a data directory, in order.
fn sequences(disk: &SmallDisk) -> Vec<u64> {
    let files = std::fs::read_dir(disk.path().join("logs")).unwrap().map(|entry| entry.unwrap().path());
    let plain = files.filter(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
    let lines: String = plain.map(|path| std::fs::read_to_string(path).unwrap()).collect();
    let mut found: Vec<_> = lines
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("each line is whole")["sequence"].as_u64().unwrap())
        .collect();
    found.sort_unstable();
    found
}

/// Asks for one of each until each was refused.
async fn ask_until_all_are_refused(node: &Node, kept: &mut Kept) {
    for number in 1..REQUESTS_MAX {
        kept.register(node, number).await;
        kept.sign_in(node).await;
        kept.upload(node).await;
        if kept.refusals.len() == 3 {
            return;
        }
    }
    panic!("not each kind was refused: {:?}", kept.refusals);
}

/// Waits until `/readyz` names every store, and the log has met the trouble too.
async fn trouble_is_told(node: &Node) {
    let everything = ["content:photo", "database:photo", "database:session", "database:user", "files:log"];
    let everything = BTreeSet::from(everything.map(str::to_owned));
    eventually("every store to be named", async || (failing(node).await == everything).then_some(())).await;
    eventually("the log to fail", async || {
        node.client().get("/no/such/path").await; // a record for it to write
        (metric(node, "portico_log_failures_total").await > 0).then_some(())
    })
    .await;
}

/// The node takes everything again without a restart, its log catches up, and a restart finds all of it.
async fn heals(home: &Home, disk: &SmallDisk, node: Node, mut kept: Kept) {
    eventually("readiness", async || failing(&node).await.is_empty().then_some(())).await;
    let (tokens, photos) = (kept.tokens.len(), kept.photos.len());
    kept.register(&node, REQUESTS_MAX).await;
    kept.sign_in(&node).await;
    kept.upload(&node).await;
    assert_eq!(
        (kept.tokens.len(), kept.photos.len()),
        (tokens + 2, photos + 1),
        "it takes everything: {:?}",
        kept.refusals
    );
    kept.check(&node.client()).await;
    assert!(node.stop().await.status.success());
    let found = sequences(disk);
    assert_eq!(found, (1..=found.len() as u64).collect::<Vec<_>>(), "each record stands once");
    kept.check(&disk.up(home).await.client()).await;
}

async fn metric(node: &Node, name: &str) -> u64 {
    let text = node.operator_client().get("/metrics").await.bytes;
    let text = String::from_utf8(text).unwrap();
    let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
    line.rsplit(' ').next().and_then(|value| value.parse().ok()).unwrap_or_default()
}

async fn begin() -> (Home, SmallDisk, Node, Kept) {
    let home = Home::new().set("user.password.argon2.memory_kib", "8").set("user.password.argon2.iterations", "1");
    let disk = SmallDisk::mount(&home, DISK_BYTES);
    let (node, mut kept) = (disk.up(&home).await, Kept::default());
    kept.register(&node, 0).await;
    kept.upload(&node).await;
    kept.sign_in(&node).await;
    assert_eq!((kept.tokens.len(), kept.photos.len()), (2, 1));
    // Every service has begun its log file, so that trouble meets files that are open.
    eventually("the log to be written", async || (metric(&node, "portico_log_waiting").await == 0).then_some(())).await;
    (home, disk, node, kept)
}

#[tokio::test]
async fn a_disk_that_fills_refuses_what_it_cannot_keep_and_heals_when_it_is_freed() {
    let (home, disk, node, mut kept) = begin().await;

    disk.fill();
    ask_until_all_are_refused(&node, &mut kept).await;
    trouble_is_told(&node).await;
    kept.check(&node.client()).await; // what can be read is served all the while
    disk.free();

    let full = BTreeSet::from([(507, "storage_full".to_owned())]);
    assert!(kept.refusals.values().all(|refusals| *refusals == full), "{:?}", kept.refusals);
    heals(&home, &disk, node, kept).await;
}

#[tokio::test]
async fn a_file_system_that_refuses_writes_makes_them_unavailable_and_heals_when_it_takes_them_again() {
    let (home, disk, node, mut kept) = begin().await;

    let refusal = disk.refuse_writes(&node);
    ask_until_all_are_refused(&node, &mut kept).await;
    trouble_is_told(&node).await;
    kept.check(&node.client()).await;
    disk.allow_writes(refusal);

    let away = BTreeSet::from([(503, "unavailable".to_owned())]);
    assert!(kept.refusals.values().all(|refusals| *refusals == away), "{:?}", kept.refusals);
    heals(&home, &disk, node, kept).await;
}
