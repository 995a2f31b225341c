//! From the embedded node to PostgreSQL and Redis, and back.

use std::{
    process::Command,
    sync::{
        LazyLock,
        atomic::{AtomicU32, Ordering},
    },
    thread::sleep,
    time::Duration,
};

use image::ImageFormat;
use portico_tests::{Answer, Client, Home, PASSWORD, Servers, pictures};
use serde_json::{Value, json};

use crate::support::{Exported, crowd, delivered, embedded, export, import, left, on, refused, sign_in};

/// A home over PostgreSQL schemas and a Redis database that nobody else has.
fn production() -> Home {
    static REDIS: LazyLock<Servers> = LazyLock::new(|| Servers::own(&["redis"]));
    static USED: AtomicU32 = AtomicU32::new(0);
    let database = USED.fetch_add(1, Ordering::Relaxed);
    assert!(database < 16, "a server has 16 databases");
    embedded()
        .over(&Servers::shared(&["postgres"]))
        .set("bus.broker.adapter", "local")
        .set("photo.content.adapter", "files")
        .with_sessions_at(&format!("{}/{database}", REDIS.redis_url()))
}

/// What moves photos' bytes: an operator's `cp -r`.
fn copy_content(from: &Home, to: &Home) {
    let content = from.data().join("content");
    let copied = Command::new("cp").arg("-r").arg(content).arg(to.data()).status().unwrap();
    assert!(copied.success());
}

fn new_user(name: &str) -> Value {
    json!({ "name": name, "email": format!("{name}@example.com"), "password": PASSWORD })
}

#[tokio::test]
async fn whoever_had_an_account_on_the_embedded_node_has_it_on_the_production_node_as_it_was() {
    const QUOTA: &str = "2";
    let home = embedded().set("photo.per_user_max", QUOTA);
    let node = home.up().await;
    let (ann, bob, cyd, dan) = (
        node.register("ann").await,
        node.register("bob").await,
        node.register("cyd").await,
        node.register("dan").await,
    );
    let other = sign_in(&node, &bob).await;
    ann.upload(pictures::png()).await;
    ann.upload(pictures::picture(32, 24, ImageFormat::Jpeg)).await;
    bob.delete("/logout").await.expect(204);
    let change = json!({ "current_password": PASSWORD, "new_password": "marble compass lantern" });
    let changed = cyd.patch("/me/update").json(&change).await.expect(200);
    dan.delete("/delete").json(&json!({ "password": PASSWORD })).await.expect(204);
    let eve = node.client().post("/reg").header("idempotency-key", "once").json(&new_user("eve")).await.expect(201);
    let full = upload(&ann).await;
    let (me, photos, sessions) = (seen(&ann, "/me").await, seen(&ann, "/me/photos").await, opened(&ann).await);
    delivered(&node).await;
    node.stop().await;
    let zoe = home.run_with(&["user", "import", "-"], &crowd(1));
    assert_eq!(zoe.code(), Some(0), "{zoe:?}");

    let production = production().set("photo.per_user_max", QUOTA);
    let exported = Exported::of(&home);
    let imported = import(&production, exported.path());
    copy_content(&home, &production);
    let zoe = exported.read("outbox.jsonl")[0]["user_id"].as_str().unwrap().to_owned();
    let node = production.up().await;

    assert_eq!(imported.code(), Some(0), "{imported:?}");
    assert!(imported.stdout.contains("5 users, 4 sessions, 2 photos, 1 events that wait"), "{}", imported.stdout);
    let same = on(&node, &ann);
    assert_eq!((seen(&same, "/me").await, seen(&same, "/me/photos").await), (me, photos.clone()));
    assert_eq!(opened(&same).await, sessions);
    let content = photos["items"][0]["content_url"].as_str().unwrap();
    assert_eq!(hex::encode(sha(&same.get(content).await.bytes)), photos["items"][0]["sha256"].as_str().unwrap());
    let quota = (409, "photo_quota_reached".to_owned(), String::new());
    assert_eq!([full.problem(), upload(&same).await.problem()], [quota.clone(), quota]);
    assert_eq!([on(&node, &bob).get("/me").await.status, on(&node, &cyd).get("/me").await.status], [401, 401]);
    assert_eq!(on(&node, &dan).get("/me").await.status, 401);
    node.client().with_token(other.token()).get("/me").await.expect(200);
    let rotated = changed["token"].as_str().unwrap();
    node.client().with_token(rotated).get("/me").await.expect(200);
    sign_in(&node, &ann).await;
    let credentials = json!({ "email": dan.email, "password": PASSWORD });
    assert_eq!(node.client().post("/auth").json(&credentials).await.status, 401);
    let again = node.client().post("/reg").header("idempotency-key", "once").json(&new_user("eve")).await.expect(201);
    assert_eq!(again["user"]["id"], eve["user"]["id"], "a repeat opens no second account");
    delivered(&node).await;
    node.stop().await;
    let heard = |exported: &Exported| exported.read("owners.jsonl").iter().any(|owner| owner["id"] == zoe);
    assert!(!heard(&exported) && heard(&Exported::of(&production)), "photo is told of who had just registered");
}

/// One more than there may be.
async fn upload(client: &Client) -> Answer {
    client.post("/me/photos").body("image/png", pictures::png()).await
}

/// The sessions that somebody has, but for when they were used last.
async fn opened(client: &Client) -> Vec<[Value; 4]> {
    let sessions = seen(client, "/me/sessions").await;
    let told = |session: &Value| ["id", "created_at", "user_agent", "address"].map(|field| session[field].clone());
    sessions["items"].as_array().or(sessions.as_array()).unwrap().iter().map(told).collect()
}

async fn seen(client: &Client, path: &str) -> Value {
    client.get(path).await.expect(200)
}

fn sha(bytes: &[u8]) -> [u8; 32] {
    use sha2::Digest as _;
    sha2::Sha256::digest(bytes).into()
}

#[tokio::test]
async fn an_import_that_is_killed_again_and_again_comes_to_the_same_end() {
    const CROWD: usize = 2_000;
    let home = left().await.home;
    assert_eq!(home.run_with(&["user", "import", "-"], &crowd(CROWD)).code(), Some(0));
    let (exported, production) = (Exported::of(&home), production());

    let (mut unfinished, mut wait_ms) = (0, 250);
    loop {
        let mut child = production.command(&["data", "import", exported.path().to_str().unwrap()]).spawn().unwrap();
        sleep(Duration::from_millis(wait_ms));
        child.kill().unwrap();
        if child.wait().unwrap().success() {
            break;
        }
        unfinished += usize::from(is_refused_as_unfinished(&production));
        wait_ms += 250;
    }

    let whole = Exported::of(&production);
    whole.equals(&exported);
    assert!(unfinished > 0, "no kill hit an import that had begun");
}

/// Whether a node would not run over what is there.
fn is_refused_as_unfinished(home: &Home) -> bool {
    let exit = home.run(&["migrate"]);
    assert!([Some(0), Some(75)].contains(&exit.code()), "{exit:?}");
    exit.code() == Some(75)
}

#[tokio::test]
async fn a_production_node_is_taken_back_into_a_data_directory() {
    let (left, production, back) = (left().await, production(), embedded());
    let exported = Exported::of(&left.home);
    assert_eq!(import(&production, exported.path()).code(), Some(0));
    let node = production.up().await;
    delivered(&node).await;
    let bob = node.register("bob").await;
    let kept = sign_in(&node, &bob).await;
    bob.delete("/logout").await.expect(204);
    delivered(&node).await;
    node.stop().await;

    let out = Exported::of(&production);
    let imported = import(&back, out.path());
    let node = back.up().await;

    assert_eq!(imported.code(), Some(0), "{imported:?}");
    assert_eq!(out.read("outbox.jsonl").len(), 0);
    assert_eq!(on(&node, &left.ann).get("/me").await.expect(200)["photo_count"], 1);
    assert_eq!(on(&node, &bob).get("/me").await.status, 401);
    node.client().with_token(kept.token()).get("/me").await.expect(200);
}

#[tokio::test]
async fn stores_that_a_node_runs_over_or_that_hold_something_are_refused() {
    let (left, production, another) = (left().await, production(), production());
    let exported = Exported::of(&left.home);
    let beside = production.another();
    let node = production.up().await;

    node.register("bob").await;
    delivered(&node).await;
    let running = (import(&beside, exported.path()), export(&beside, &beside.path().join("export")));
    node.stop().await;
    let occupied = import(&beside, exported.path());
    let elsewhere = another.another().with_sessions_at(production.setting("session.store.url").unwrap());
    let sessions = import(&elsewhere, exported.path());
    let node = another.up().await;

    refused(&running.0, 75, "user.store: a node uses it");
    refused(&running.1, 75, "user.store: a node uses it");
    refused(&occupied, 73, "user.store: it holds rows already (users.jsonl)");
    refused(&sessions, 73, "session.store: it holds rows already");
    assert_eq!(node.client().get("/me").await.status, 401, "what was refused left the other stores to be used");
}

#[tokio::test]
async fn a_session_below_its_users_least_epoch_does_not_come_in() {
    let (left, production) = (left().await, production());
    let exported = Exported::of(&left.home);
    let owner = exported.read("sessions.jsonl")[0]["user_id"].clone();
    exported.rewrite("epochs.jsonl", &format!("{}\n", json!({ "user_id": owner, "least": 2 })));

    let exit = import(&production, exported.path());

    refused(&exit, 65, "sessions.jsonl:1: its epoch is below its user's least");
    refused(&production.run(&["up"]), 75, "the import of export ");
}
