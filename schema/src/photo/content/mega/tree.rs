//! What the account has: the files of one folder, by name.
//!
//! Mega knows no names, since they are encrypted: whoever looks for one must have the whole tree. It is read when the node starts;
//! when a name is not known, since another node may have put it, Mega is asked for what has changed since.
//!
//! A name may have several files for a moment, while a newer one takes the place of another; the latest counts. What changed
//! may be told after this node has changed more: a file may seem to be there that is deleted already, until the next look.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::Value;

use super::{
    crypto::{FileKey, Key, decode, open_name, unwrap},
    error::Error,
};

/// What `f` answers, as far as it matters.
#[derive(Deserialize)]
pub(super) struct Listing {
    f: Vec<Node>,
    sn: String,
}

/// What has changed.
#[derive(Deserialize)]
pub(super) struct Changes {
    /// The changes, the first one first; empty when there are none any more.
    #[serde(default)]
    pub(super) a: Vec<Value>,
    sn: Option<String>,
}

/// A file or a folder.
#[derive(Deserialize)]
struct Node {
    h: String,
    #[serde(default)]
    p: String,
    t: i64,
    #[serde(default)]
    a: String,
    #[serde(default)]
    k: String,
    #[serde(default)]
    s: u64,
    #[serde(default)]
    ts: i64,
}

/// Kinds of nodes.
const FILE: i64 = 0;
const FOLDER: i64 = 1;
const ROOT: i64 = 2;

/// A file.
#[derive(Clone)]
pub(super) struct File {
    pub(super) handle: String,
    pub(super) size: u64,
    pub(super) key: FileKey,
}

/// The files of the folder.
#[derive(Default)]
pub(super) struct Tree {
    root: String,
    /// Folders of the right name: several when two nodes made them at the same time. The first is written to.
    folders: Vec<String>,
    files: HashMap<String, Vec<File>>,
    /// The names of the files, by handle.
    names: HashMap<String, String>,
    /// Up to where changes are known.
    cursor: String,
    /// How often a file may have been made that is not known,
    doubts: u64,
    /// and how often before the tree was last looked at.
    settled: u64,
}

impl Tree {
    /// Makes sense of a listing. It takes a while.
    pub(super) fn read(listing: Listing, folder: &str, master: &Key) -> Result<Self, Error> {
        let Listing { f: mut nodes, sn: cursor } = listing;
        let root = nodes.iter().find(|node| node.t == ROOT).ok_or(Error::Strange("a tree without a root"))?.h.clone();
        let is_ours =
            |node: &&Node| node.t == FOLDER && node.p == root && node.folder(master).as_deref() == Some(folder);
        let mut folders: Vec<_> = nodes.iter().filter(is_ours).map(|node| node.h.clone()).collect();
        folders.sort_unstable();
        nodes.sort_by_key(|node| node.ts); // stable: of one second, in the order of the tree
        let mut tree = Self { root, folders, cursor, ..Self::default() };
        for node in nodes {
            tree.add(node, master);
        }
        Ok(tree)
    }

    pub(super) fn root(&self) -> &str {
        &self.root
    }

    pub(super) fn cursor(&self) -> &str {
        &self.cursor
    }

    /// The folder that files are put into; none while there is none.
    pub(super) fn folder(&self) -> Option<&str> {
        self.folders.first().map(String::as_str)
    }

    /// The files of a name, the latest last.
    pub(super) fn files(&self, name: &str) -> Vec<File> {
        self.files.get(name).cloned().unwrap_or_default()
    }

    /// The files of a name, if that is all of them for sure.
    pub(super) fn known(&self, name: &str) -> Option<Vec<File>> {
        let is_sure = self.doubts == self.settled;
        self.files.get(name).filter(|_| is_sure).cloned()
    }

    /// Says that a file may have been made that is not known.
    pub(super) const fn doubt(&mut self) {
        self.doubts += 1;
    }

    /// How often that was said.
    pub(super) const fn doubts(&self) -> u64 {
        self.doubts
    }

    /// Says that the tree was looked at since there were so many doubts.
    pub(super) const fn settle(&mut self, doubts: u64) {
        self.settled = doubts;
    }

    pub(super) fn made(&mut self, name: &str, file: File) {
        self.gone(&file.handle);
        self.names.insert(file.handle.clone(), name.to_owned());
        self.files.entry(name.to_owned()).or_default().push(file);
    }

    pub(super) fn gone(&mut self, handle: &str) {
        if let Some(name) = self.names.remove(handle)
            && let Some(files) = self.files.get_mut(&name)
        {
            files.retain(|file| file.handle != handle);
            if files.is_empty() {
                self.files.remove(&name);
            }
        }
    }

    /// Takes over what was read anew.
    pub(super) fn replace(&mut self, read: Self) {
        *self = Self { doubts: self.doubts, settled: self.settled, ..read };
    }

    /// Takes over what has changed.
    pub(super) fn follow(&mut self, changes: Changes, master: &Key) {
        for change in changes.a {
            match change["a"].as_str() {
                Some("t") => {
                    let nodes = change["t"]["f"].as_array().into_iter().flatten();
                    let nodes = nodes.filter_map(|node| Node::deserialize(node).ok());
                    for node in nodes {
                        self.add(node, master);
                    }
                }
                Some("d") => self.gone(change["n"].as_str().unwrap_or_default()),
                _ => {}
            }
        }
        if let Some(cursor) = changes.sn {
            self.cursor = cursor;
        }
    }

    fn add(&mut self, node: Node, master: &Key) {
        if node.t == FILE
            && self.folders.contains(&node.p)
            && let Some((name, file)) = node.file(master)
        {
            self.made(&name, file);
        }
    }
}

impl Node {
    fn folder(&self, master: &Key) -> Option<String> {
        let mut key: Key = self.sealed_key()?.try_into().ok()?;
        unwrap(master, &mut key);
        open_name(&self.a, &key)
    }

    /// Its name, and itself; none if it belongs to somebody else.
    fn file(self, master: &Key) -> Option<(String, File)> {
        let key = FileKey::open(self.sealed_key()?.try_into().ok()?, master);
        let name = open_name(&self.a, key.name())?;
        Some((name, File { handle: self.h, size: self.s, key }))
    }

    /// The account's own key of it: `user:key`, and what it is shared by behind a slash.
    fn sealed_key(&self) -> Option<Vec<u8>> {
        let own = self.k.split('/').next()?;
        decode(own.split_once(':').map_or(own, |(_, key)| key)).ok()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn file(handle: &str) -> File {
        File { handle: handle.to_owned(), size: 1, key: FileKey::new() }
    }

    fn handles(tree: &Tree, name: &str) -> Vec<String> {
        tree.files(name).into_iter().map(|file| file.handle).collect()
    }

    #[test]
    fn the_latest_file_of_a_name_comes_last_until_it_is_gone() {
        let mut tree = Tree::default();
        tree.made("name", file("old"));
        tree.made("name", file("new"));
        assert_eq!(handles(&tree, "name"), ["old", "new"]);

        tree.gone("new");

        assert_eq!(handles(&tree, "name"), ["old"]);
    }

    #[test]
    fn what_others_deleted_is_gone_and_the_cursor_moves_on() {
        let mut tree = Tree::default();
        tree.made("name", file("handle"));
        let changes = json!({ "a": [{ "a": "d", "n": "handle" }, { "a": "ua" }, { "a": "d" }], "sn": "next" });

        tree.follow(serde_json::from_value(changes).unwrap(), &[0; 16]);

        assert_eq!((handles(&tree, "name").len(), tree.cursor()), (0, "next"));
    }

    #[test]
    fn after_a_doubt_nothing_is_known_until_the_tree_was_looked_at() {
        let mut tree = Tree::default();
        tree.made("name", file("handle"));
        assert!(tree.known("name").is_some());

        tree.doubt();
        let looked_at = tree.doubts();
        assert!(tree.known("name").is_none());
        tree.settle(looked_at);

        assert!(tree.known("name").is_some());
    }

    #[test]
    fn a_tree_without_a_root_is_strange() {
        let listing: Listing = serde_json::from_str(r#"{"f":[{"h":"a","t":1}],"sn":"1"}"#).unwrap();

        assert!(matches!(Tree::read(listing, "portico", &[0; 16]), Err(Error::Strange(_))));
    }

    #[test]
    fn what_belongs_to_somebody_else_is_left_out() {
        let folder = json!({ "h": "f", "t": 1, "p": "r", "a": "AAAA", "k": "u:AAAA" });
        let listing = json!({ "f": [{ "h": "r", "t": 2 }, folder, { "h": "x", "t": 0, "p": "f" }], "sn": "1" });

        let tree = Tree::read(serde_json::from_value(listing).unwrap(), "portico", &[0; 16]).unwrap();

        assert_eq!((tree.root(), tree.folder()), ("r", None));
    }
}
