//! The tree, and what has changed in it.

use std::collections::HashMap;

use actix_web::web::Bytes;
use serde_json::{Value, json};

/// The account's handle.
pub(super) const USER: &str = "aBcDeFgHiJk";
const ROOT: &str = "rootroot";

pub(super) struct Files {
    nodes: Vec<Node>,
    /// What was uploaded and has no node yet, by token.
    uploads: HashMap<String, Bytes>,
    /// What was answered to commands that may be told again.
    answered: HashMap<String, Value>,
    changes: Vec<Value>,
    /// How many were forgotten.
    forgotten: usize,
    next: u32,
}

struct Node {
    handle: String,
    parent: String,
    kind: u64,
    name: Value,
    key: String,
    bytes: Bytes,
    at: u32,
}

impl Node {
    fn told(&self) -> Value {
        json!({
            "h": self.handle, "p": self.parent, "t": self.kind, "a": self.name, "k": format!("{USER}:{}", self.key),
            "s": self.bytes.len(), "ts": 1_700_000_000 + self.at, "u": USER,
        })
    }
}

impl Files {
    pub(super) fn new() -> Self {
        let node = |handle: &str, kind| Node {
            handle: handle.to_owned(),
            parent: String::new(),
            kind,
            name: json!(""),
            key: String::new(),
            bytes: Bytes::new(),
            at: 0,
        };
        let nodes = vec![node(ROOT, 2), node("inbox000", 3), node("rubbish0", 4)];
        Self { nodes, uploads: HashMap::new(), answered: HashMap::new(), changes: Vec::new(), forgotten: 0, next: 0 }
    }

    fn number(&mut self) -> u32 {
        self.next += 1;
        self.next
    }

    fn cursor(&self) -> String {
        (self.forgotten + self.changes.len()).to_string()
    }

    pub(super) fn list(&self) -> Value {
        let nodes: Vec<_> = self.nodes.iter().map(Node::told).collect();
        json!({ "f": nodes, "ok": [], "s": [], "u": [], "sn": self.cursor() })
    }

    /// The changes since a cursor; -6 when they are forgotten.
    pub(super) fn changes(&self, cursor: &str) -> Value {
        let Some(from) = cursor.parse::<usize>().ok().and_then(|cursor| cursor.checked_sub(self.forgotten)) else {
            return json!(-6);
        };
        match self.changes.get(from..) {
            Some([]) | None => json!({ "w": "http://127.0.0.1:9/wait" }),
            Some(changes) => json!({ "a": changes, "sn": self.cursor() }),
        }
    }

    pub(super) fn forget_changes(&mut self) {
        self.forgotten += self.changes.len();
        self.changes.clear();
        self.forgotten += 1; // and no cursor of before is good any more
    }

    /// Keeps bytes, and gives their token.
    pub(super) fn keep(&mut self, bytes: Bytes) -> String {
        let token = format!("token{:031}", self.number());
        self.uploads.insert(token.clone(), bytes);
        token
    }

    /// Makes a node of a file that was uploaded, or of a folder; told again, the same one.
    pub(super) fn make(&mut self, command: &Value) -> Value {
        let id = command["i"].as_str().unwrap_or_default().to_owned();
        if let Some(answer) = self.answered.get(&id) {
            return answer.clone();
        }
        let (parent, new) = (command["t"].as_str().unwrap_or_default(), &command["n"][0]);
        let upload = self.uploads.remove(new["h"].as_str().unwrap_or_default());
        let is_folder = new["t"] == 1;
        if !self.nodes.iter().any(|node| node.handle == parent) || (upload.is_none() && !is_folder) {
            return json!(-9);
        }
        let at = self.number();
        let node = Node {
            handle: format!("h{at:07}"),
            parent: parent.to_owned(),
            kind: u64::from(is_folder),
            name: new["a"].clone(),
            key: new["k"].as_str().unwrap_or_default().to_owned(),
            bytes: upload.unwrap_or_default(),
            at,
        };
        let answer = json!({ "f": [node.told()] });
        self.changes.push(json!({ "a": "t", "ou": USER, "t": answer }));
        self.nodes.push(node);
        self.answered.insert(id, answer.clone());
        answer
    }

    pub(super) fn delete(&mut self, handle: &Value) -> Value {
        let before = self.nodes.len();
        self.nodes.retain(|node| node.kind > 1 || *handle != node.handle);
        if self.nodes.len() == before {
            return json!(-9);
        }
        self.changes.push(json!({ "a": "d", "ou": USER, "n": handle }));
        json!(0)
    }

    pub(super) fn bytes(&self, handle: &str) -> Option<Bytes> {
        let file = self.nodes.iter().find(|node| node.kind == 0 && node.handle == handle);
        file.map(|file| file.bytes.clone())
    }

    /// The name of a file, as it is kept.
    pub(super) fn name(&self, handle: &str) -> Value {
        self.nodes.iter().find(|node| node.handle == handle).map_or(Value::Null, |node| node.name.clone())
    }

    pub(super) fn count(&self) -> usize {
        self.nodes.iter().filter(|node| node.kind == 0).count()
    }

    pub(super) fn used_bytes(&self) -> usize {
        self.nodes.iter().map(|node| node.bytes.len()).sum()
    }

    pub(super) fn alter(&mut self) {
        for node in &mut self.nodes {
            let mut bytes = node.bytes.to_vec();
            if let Some(first) = bytes.first_mut() {
                *first ^= 1;
            }
            node.bytes = bytes.into();
        }
    }
}
