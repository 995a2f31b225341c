//! From one data directory to another.

use std::{fs, os::unix::fs::PermissionsExt as _};

use portico_tests::PASSWORD;
use serde_json::json;

use crate::support::{Exported, delivered, embedded, export, import, left, on, refused, sign_in};

fn mode(path: &std::path::Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn everything_that_was_there_is_there_again() {
    let left = left().await;
    let other = embedded();
    let exported = Exported::of(&left.home);

    let imported = import(&other, exported.path());
    let again = Exported::of(&other);
    let node = other.up().await;
    delivered(&node).await;

    assert_eq!(imported.code(), Some(0), "{imported:?}");
    assert!(imported.stdout.contains("2 users, 1 sessions, 1 photos, 1 events that wait"), "{}", imported.stdout);
    again.equals(&exported);
    assert_eq!(again.read_text("secret"), exported.read_text("secret"));
    assert_eq!(on(&node, &left.ann).get("/me").await.expect(200)["photo_count"], 1);
    sign_in(&node, &left.ann).await;
}

#[tokio::test]
async fn an_export_is_its_owners_alone_and_says_what_it_consists_of() {
    let left = left().await;

    let exported = Exported::of(&left.home);

    let manifest = exported.manifest();
    let files: Vec<_> =
        manifest["files"].as_array().unwrap().iter().map(|file| file["name"].as_str().unwrap()).collect();
    assert_eq!(mode(exported.path()), 0o700);
    assert!(files.iter().all(|file| mode(&exported.file(file)) == 0o600), "{files:?}");
    assert_eq!(mode(&exported.file("manifest.json")), 0o600);
    assert_eq!((&manifest["format"], &manifest["schemas"]["user.store"]), (&json!(1), &json!("m0006_imports")));
    assert_eq!(fs::read_dir(exported.path()).unwrap().count(), files.len() + 1);
}

#[tokio::test]
async fn nothing_is_taken_out_or_in_while_a_node_runs() {
    let left = left().await;
    let exported = Exported::of(&left.home);
    let node = left.home.up().await;

    let out = export(&left.home, &left.home.path().join("another"));
    let into = import(&left.home, exported.path());

    refused(&out, 75, "is in use by another process");
    refused(&into, 75, "is in use by another process");
    drop(node);
}

#[tokio::test]
async fn a_store_that_holds_something_is_refused_and_left_as_it_is() {
    let (left, other) = (left().await, embedded());
    let exported = Exported::of(&left.home);
    let node = other.up().await;
    let bob = node.register("bob").await;
    node.stop().await;

    let exit = import(&other, exported.path());
    let node = other.up().await;

    refused(&exit, 73, "user.store: it holds rows already (users.jsonl)");
    assert_eq!(on(&node, &bob).get("/me").await.expect(200)["name"], "bob");
    assert_eq!(on(&node, &left.ann).get("/me").await.status, 401);
}

#[tokio::test]
async fn an_import_is_done_once_and_what_another_export_brought_is_left_alone() {
    let (left, other) = (left().await, embedded());
    let (first, second) = (Exported::of(&left.home), Exported::of(&left.home));
    assert_eq!(import(&other, first.path()).code(), Some(0));
    let node = other.up().await;
    delivered(&node).await;
    sign_in(&node, &left.ann).await;
    node.stop().await;

    let (again, another) = (import(&other, first.path()), import(&other, second.path()));

    assert_eq!((again.code(), again.stdout.contains("nothing was changed")), (Some(0), true), "{again:?}");
    refused(&another, 73, "user.store: it holds what was imported of another export");
}

#[tokio::test]
async fn a_directory_with_something_else_in_it_is_not_exported_into() {
    let left = left().await;
    let (foreign, sealed) = (left.home.path().join("foreign"), Exported::of(&left.home));
    fs::create_dir(&foreign).unwrap();
    fs::write(foreign.join("thesis.tex"), "").unwrap();

    refused(&export(&left.home, &foreign), 73, "it holds something else (thesis.tex)");
    refused(&export(&left.home, sealed.path()), 73, "it holds an export already");
}

#[tokio::test]
async fn an_export_that_was_broken_off_is_no_export_and_is_made_anew() {
    let (left, other) = (left().await, embedded());
    let exported = Exported::of(&left.home);
    fs::remove_file(exported.file("manifest.json")).unwrap();
    fs::write(exported.file("users.jsonl"), "{\"id\":").unwrap();

    let unsealed = import(&other, exported.path());
    let anew = export(&left.home, exported.path());

    refused(&unsealed, 66, "manifest.json: No such file or directory (os error 2)\n");
    assert_eq!(anew.code(), Some(0), "{anew:?}");
    assert_eq!(import(&other, exported.path()).code(), Some(0));
}

#[test]
fn where_no_data_is_nothing_is_exported_and_nothing_is_made() {
    let home = embedded();

    let exit = export(&home, &home.path().join("export"));

    refused(&exit, 66, "no data is there");
    assert!(home.files().is_empty() && !home.path().join("export").exists());
}

#[tokio::test]
async fn sessions_that_are_over_stay_behind() {
    let home = embedded().set("session.idle_s", "60");
    let node = home.up().await;
    let ann = node.register("ann").await;
    node.stop().await;
    let (exported, other) = (Exported::of(&home), embedded());
    exported.change("sessions.jsonl", |_, session| session["expires_at"] = json!("2026-01-01T00:00:00Z"));

    let exit = import(&other, exported.path());
    let again = Exported::of(&other);
    let node = other.up().await;

    assert_eq!(exit.code(), Some(0), "{exit:?}");
    assert_eq!(again.read("sessions.jsonl").len(), 0);
    assert_eq!(on(&node, &ann).get("/me").await.status, 401);
    let credentials = json!({ "email": ann.email, "password": PASSWORD });
    node.client().post("/auth").json(&credentials).await.expect(200);
}
