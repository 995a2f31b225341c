//! Exports that are damaged, and lines that somebody else made.

use std::fs::{self, OpenOptions};

use sea_orm::sqlx::{Connection as _, Executor as _, sqlite::SqliteConnection};
use serde_json::{Value, json};

use crate::support::{Exported, delivered, embedded, export, import, left, on, refused};

#[tokio::test]
async fn a_damaged_export_is_refused_by_the_file_at_fault_and_changes_nothing() {
    let (left, other) = (left().await, embedded());
    let exported = Exported::of(&left.home);
    let whole = |name: &str| fs::read(exported.file(name)).unwrap();
    let (users, photos, manifest) = (whole("users.jsonl"), whole("photos.jsonl"), whole("manifest.json"));

    let mut flipped = users.clone();
    flipped[users.len() / 2] ^= 1;
    fs::write(exported.file("users.jsonl"), flipped).unwrap();
    refused(&import(&other, exported.path()), 65, "users.jsonl: has another SHA-256 than the manifest says");

    fs::write(exported.file("users.jsonl"), &users).unwrap();
    let cut = OpenOptions::new().write(true).open(exported.file("photos.jsonl")).unwrap();
    cut.set_len(photos.len() as u64 / 2).unwrap();
    refused(&import(&other, exported.path()), 65, "photos.jsonl: has ");

    fs::remove_file(exported.file("photos.jsonl")).unwrap();
    refused(&import(&other, exported.path()), 66, "photos.jsonl: No such file");

    fs::write(exported.file("photos.jsonl"), &photos).unwrap();
    fs::write(exported.file("manifest.json"), &manifest[..manifest.len() / 2]).unwrap();
    refused(&import(&other, exported.path()), 65, "manifest.json: is no manifest");

    let later = String::from_utf8(manifest.clone()).unwrap().replace("\"format\": 1", "\"format\": 2");
    fs::write(exported.file("manifest.json"), later).unwrap();
    refused(&import(&other, exported.path()), 65, "is of format 2; this version reads format 1");

    fs::write(exported.file("manifest.json"), &manifest).unwrap();
    let exit = import(&other, exported.path());
    assert_eq!(exit.code(), Some(0), "nothing of it had come in: {exit:?}");
}

#[tokio::test]
async fn a_line_that_breaks_a_rule_is_told_with_its_file_number_and_field() {
    let (left, other) = (left().await, embedded());
    let exported = Exported::of(&left.home);
    let wrong: [(&str, &str, Value, &str); 10] = [
        ("users.jsonl", "email", json!("nobody"), "users.jsonl:2: email: must be an e-mail address"),
        ("users.jsonl", "name", json!(" "), "users.jsonl:2: name: must not be empty"),
        ("users.jsonl", "password_hash", json!("hunter2"), "users.jsonl:2: password_hash: must be argon2"),
        ("users.jsonl", "epoch", json!(0), "users.jsonl:2: epoch: must be 1 to "),
        ("users.jsonl", "version", json!("hunter2"), "users.jsonl:2: version: must be i64"),
        ("users.jsonl", "created_at", json!("today"), "users.jsonl:2: created_at: must be a time as RFC 3339 has it"),
        ("users.jsonl", "role", json!("admin"), "users.jsonl:2: role: unknown field `role`"),
        ("sessions.jsonl", "token_hash", json!("00"), "sessions.jsonl:1: token_hash: must be 64 hexadecimal digits"),
        ("sessions.jsonl", "address", json!("here"), "sessions.jsonl:1: address: must be an IP address"),
        ("photos.jsonl", "content_type", json!("text/html"), "photos.jsonl:1: content_type: must be image/jpeg"),
    ];

    for (file, field, value, told) in wrong {
        let whole = exported.read_text(file);
        let last = exported.read(file).len() - 1;
        exported.change(file, |at, line| {
            if at == last {
                line[field] = value.clone();
            }
        });

        let exit = import(&other, exported.path());

        refused(&exit, 65, told);
        assert!(!exit.stderr.contains("hunter2"), "{}", exit.stderr);
        exported.rewrite(file, &whole);
    }

    exported.rewrite("users.jsonl", "not json\n");
    refused(&import(&other, exported.path()), 65, "users.jsonl:1: ");
    exported.rewrite("users.jsonl", "{}");
    refused(&import(&other, exported.path()), 65, "users.jsonl:1: is cut off: it has no end of line");
}

#[tokio::test]
async fn lines_that_contradict_each_other_are_told_and_what_is_mended_goes_on() {
    let (left, other) = (left().await, embedded());
    let exported = Exported::of(&left.home);
    let whole = exported.read_text("users.jsonl");
    let first = exported.read("users.jsonl")[0]["email"].clone();
    exported.change("users.jsonl", |_, user| user["email"] = first.clone());
    refused(&import(&other, exported.path()), 65, "users.jsonl:2: an earlier line tells of the same");
    refused(&other.run(&["up"]), 75, "session.store: the import of export ");
    refused(&export(&other, &other.path().join("part")), 75, "user.store: the import of export ");

    exported.rewrite("users.jsonl", &whole);
    let photos = exported.read_text("photos.jsonl");
    exported.change("photos.jsonl", |_, photo| photo["owner_id"] = json!("01890000-0000-7000-8000-000000000000"));
    refused(&import(&other, exported.path()), 65, "photos.jsonl:1: no line tells of what it belongs to");

    exported.rewrite("photos.jsonl", &photos);
    assert_eq!(import(&other, exported.path()).code(), Some(0));
    let node = other.up().await;
    delivered(&node).await;
    assert_eq!(on(&node, &left.ann).get("/me").await.expect(200)["photo_count"], 1);
}

#[tokio::test]
async fn a_session_below_its_users_least_epoch_does_not_come_in() {
    let (left, other) = (left().await, embedded());
    let exported = Exported::of(&left.home);
    let owner = exported.read("sessions.jsonl")[0]["user_id"].clone();
    exported.rewrite("epochs.jsonl", &format!("{}\n", json!({ "user_id": owner, "least": 2 })));

    let exit = import(&other, exported.path());

    refused(&exit, 65, "sessions.jsonl:1: its epoch is below its user's least");
}

#[tokio::test]
async fn rows_that_went_astray_are_missed_before_a_node_may_run() {
    let (left, other) = (left().await, embedded());
    let exported = Exported::of(&left.home);
    let photos = exported.read_text("photos.jsonl");
    exported.change("photos.jsonl", |_, photo| photo["owner_id"] = json!("01890000-0000-7000-8000-000000000000"));
    assert_eq!(import(&other, exported.path()).code(), Some(65));
    let mut users =
        SqliteConnection::connect(&format!("sqlite://{}", other.data().join("user.db").display())).await.unwrap();
    users.execute("DELETE FROM users WHERE email = 'ann@example.com'").await.unwrap();
    users.close().await.unwrap();
    exported.rewrite("photos.jsonl", &photos);

    let exit = import(&other, exported.path());

    refused(&exit, 65, "user.store: it holds 1 rows of users.jsonl that do not add up to the 2 that were imported");
    refused(&other.run(&["up"]), 75, "the import of export ");
}

#[tokio::test]
async fn lines_are_understood_however_they_are_written() {
    let (left, other) = (left().await, embedded());
    let exported = Exported::of(&left.home);
    exported.change("users.jsonl", |_, user| {
        user["name"] = json!("  A\u{30a}sa ");
        user["created_at"] = json!("2026-03-01T12:00:00.500+02:00");
    });

    let exit = import(&other, exported.path());
    let again = Exported::of(&other);

    assert_eq!(exit.code(), Some(0), "{exit:?}");
    for user in again.read("users.jsonl") {
        assert_eq!((&user["name"], &user["created_at"]), (&json!("Åsa"), &json!("2026-03-01T10:00:00.5Z")));
    }
}
