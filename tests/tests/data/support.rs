//! Exports, and hands laid on them.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use portico_tests::{Account, Client, Exit, Home, Node, PASSWORD, eventually};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// A home that keeps everything in its directory, whatever the homes of other tests do.
pub(crate) fn embedded() -> Home {
    Home::new()
        .set("user.store.adapter", "sqlite")
        .set("photo.store.adapter", "sqlite")
        .set("session.store.adapter", "sqlite")
        .set("photo.content.adapter", "files")
        .set("bus.broker.adapter", "local")
        .set("user.password.argon2.memory_kib", "64")
}

/// An export, where a home makes it.
pub(crate) struct Exported {
    path: PathBuf,
}

impl Exported {
    /// Exports what a home holds.
    pub(crate) fn of(home: &Home) -> Self {
        let path = home.path().join(format!("export-{:08x}", fastrand::u32(..)));
        let exit = export(home, &path);
        assert_eq!(exit.code(), Some(0), "{exit:?}");
        Self { path }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    pub(crate) fn read_text(&self, name: &str) -> String {
        fs::read_to_string(self.file(name)).unwrap()
    }

    pub(crate) fn read(&self, name: &str) -> Vec<Value> {
        self.read_text(name).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    pub(crate) fn manifest(&self) -> Value {
        serde_json::from_slice(&fs::read(self.file("manifest.json")).unwrap()).unwrap()
    }

    /// Every row, with the file that it is in.
    fn rows(&self) -> BTreeSet<(String, String)> {
        let files = self.manifest()["files"].as_array().unwrap().clone();
        let names = files.iter().map(|file| file["name"].as_str().unwrap()).filter(|name| *name != "secret");
        let row = |name: &str, line: &str| (name.to_owned(), line.to_owned());
        let rows = |name: &str| -> Vec<_> { self.read_text(name).lines().map(|line| row(name, line)).collect() };
        names.flat_map(rows).collect()
    }

    /// Has both hold the same rows, in whatever order.
    #[track_caller]
    pub(crate) fn equals(&self, other: &Self) {
        let (ours, theirs) = (self.rows(), other.rows());
        let differing: Vec<_> = ours.symmetric_difference(&theirs).take(3).collect();
        assert!(differing.is_empty(), "{differing:?}");
        assert!(!ours.is_empty());
    }

    /// Writes a file anew, and has the manifest say so, as whoever makes an export of other data would.
    pub(crate) fn rewrite(&self, name: &str, text: &str) {
        fs::write(self.file(name), text).unwrap();
        let mut manifest = self.manifest();
        let files = manifest["files"].as_array_mut().unwrap();
        let file = files.iter_mut().find(|file| file["name"] == name).unwrap();
        file["rows"] = json!(text.lines().count());
        file["bytes"] = json!(text.len());
        file["sha256"] = json!(hex::encode(Sha256::digest(text)));
        fs::write(self.file("manifest.json"), manifest.to_string()).unwrap();
    }

    /// Has `change` done to each line of a file.
    pub(crate) fn change(&self, name: &str, mut change: impl FnMut(usize, &mut Value)) {
        let mut lines = self.read(name);
        lines.iter_mut().enumerate().for_each(|(at, line)| change(at, line));
        let text: String = lines.iter().flat_map(|line| [line.to_string(), "\n".to_owned()]).collect();
        self.rewrite(name, &text);
    }
}

pub(crate) fn export(home: &Home, to: &Path) -> Exit {
    home.run(&["data", "export", to.to_str().unwrap()])
}

pub(crate) fn import(home: &Home, from: &Path) -> Exit {
    home.run(&["data", "import", from.to_str().unwrap()])
}

/// Has a command refused: with this code, and one line that says so.
#[track_caller]
pub(crate) fn refused(exit: &Exit, code: i32, told: &str) {
    assert_eq!(exit.code(), Some(code), "{exit:?}");
    assert_eq!(exit.stderr.lines().count(), 1, "{}", exit.stderr);
    assert!(exit.stderr.contains(told), "`{told}` is missing in {}", exit.stderr);
}

pub(crate) async fn sign_in(node: &Node, account: &Account) -> Client {
    let credentials = json!({ "email": account.email, "password": PASSWORD });
    let signed_in = node.client().post("/auth?transport=bearer").json(&credentials).await.expect(200);
    node.client().with_token(signed_in["token"].as_str().unwrap())
}

/// Somebody who was signed in elsewhere, on this node.
pub(crate) fn on(node: &Node, account: &Account) -> Client {
    node.client().with_token(&account.token)
}

/// Has all events delivered.
pub(crate) async fn delivered(node: &Node) {
    eventually("all events to be delivered", async || {
        let metrics = node.operator_client().get("/metrics").await;
        String::from_utf8_lossy(&metrics.bytes).lines().any(|line| line == "portico_outbox_depth 0").then_some(())
    })
    .await;
}

/// Lines of accounts for `portico user import`.
pub(crate) fn crowd(count: usize) -> String {
    let hash = bcrypt::hash(PASSWORD, 4).unwrap();
    let line = |number| json!({"name": "Ann", "email": format!("ann{number}@example.com"), "password_hash": hash});
    (0..count).flat_map(|number| [line(number).to_string(), "\n".to_owned()]).collect()
}

/// A home with a node that has stopped, and who was there.
pub(crate) struct Left {
    pub(crate) home: Home,
    pub(crate) ann: Account,
}

/// What a node leaves that served somebody with a photo, an old session, and an account that waits to be told of.
pub(crate) async fn left() -> Left {
    let home = embedded();
    let node = home.up().await;
    let ann = node.register("ann").await;
    ann.upload(portico_tests::pictures::png()).await;
    delivered(&node).await;
    node.stop().await;
    let line = crowd(1);
    let exit = home.run_with(&["user", "import", "-"], &line);
    assert_eq!(exit.code(), Some(0), "{exit:?}");
    Left { home, ann }
}
