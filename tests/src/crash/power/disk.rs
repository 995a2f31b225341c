//! A model of a disk behind a cache: what a power cut leaves of what was written.
//!
//! Invariant: bytes of a file are durable once a sync of it succeeded that began after they were written, and names once a
//! sync of their directory did (`fsync(2)`). Of everything else nothing must be relied on: it may be gone, or there in part.
//!
//! A call takes effect somewhere between its beginning and its end, and others see it before it ends. What they see is
//! believed: a directory that a file was made in exists, though the call that made it may have yet to end.

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    path::{Path, PathBuf},
};

use super::strace::{Call, Step};

/// Writes are torn at multiples of this.
const SECTOR: usize = 512;

/// What becomes of what was not synced.
#[derive(Debug)]
pub(super) enum Loss {
    /// All of it is lost.
    Everything,
    /// Some of it reached the disk, in whatever order, perhaps half of a write; names come in the order of their making.
    Something(fastrand::Rng),
}

type Id = usize;
type Names = BTreeMap<String, Id>;
/// Names of one directory that change at once: each to what it then stands for, or to nothing.
type Renamed = Vec<(String, Option<Id>)>;

#[derive(Debug, Clone)]
enum Change {
    Write { at: usize, bytes: Vec<u8> },
    Resize(usize),
}

#[derive(Debug)]
enum Inode {
    File { durable: Vec<u8>, length: usize, pending: Vec<(u64, Change)> },
    Directory { durable: Names, names: Names, pending: Vec<(u64, Renamed)>, made: Made },
}

/// When a directory came to be.
#[derive(Debug, Clone, Copy)]
enum Made {
    At(u64),
    /// It was seen before the call that made it had ended.
    InAdvance(u64),
}

impl Inode {
    fn directory(made: Made) -> Self {
        Self::Directory { durable: Names::new(), names: Names::new(), pending: Vec::new(), made }
    }

    fn file() -> Self {
        Self::File { durable: Vec::new(), length: 0, pending: Vec::new() }
    }
}

/// A descriptor. A duplicate shares its position in truth; whoever makes one here writes at positions of its own.
#[derive(Clone)]
struct Open {
    path: PathBuf,
    id: Id,
    at: usize,
    append: bool,
}

/// The disk, and what its cache holds.
pub(super) struct Disk {
    inodes: Vec<Inode>,
    open: HashMap<u32, Open>,
    /// What each thread syncs, and when it began to.
    syncing: HashMap<u32, (Id, u64)>,
    now: u64,
}

impl Disk {
    /// An empty directory.
    pub(super) fn new() -> Self {
        Self { inodes: vec![Inode::directory(Made::At(0))], open: HashMap::new(), syncing: HashMap::new(), now: 0 }
    }

    /// Goes on by a step.
    ///
    /// # Panics
    /// When the step makes no sense: then the model or the trace is wrong, and nothing is proven.
    pub(super) fn take(&mut self, step: &Step) {
        self.now += 1;
        match step {
            Step::Did { call, began } => self.call(call, *began as u64),
            Step::SyncBegins { thread, path, fd } => {
                let id = self.descriptor(*fd, path).id;
                self.syncing.insert(*thread, (id, self.now));
            }
            Step::SyncEnds { thread, succeeded } => {
                let (id, began) = self.syncing.remove(thread).expect("a sync that ends has begun");
                if *succeeded {
                    self.sync(id, began);
                }
            }
            Step::Sends(_) => {}
            Step::Begins => {
                self.open.clear();
                self.syncing.clear();
            }
        }
    }

    fn call(&mut self, call: &Call, began: u64) {
        match call {
            Call::Open { path, fd, create, truncate, append } => {
                let id = self.open(path, *create, *truncate);
                self.open.insert(*fd, Open { path: path.clone(), id, at: 0, append: *append });
            }
            Call::Write { path, fd, at, bytes } => {
                let open = self.descriptor(*fd, path);
                let (id, append, to) = (open.id, open.append, at.unwrap_or(open.at));
                let to = if append { self.length(id) } else { to };
                if at.is_none() {
                    self.descriptor(*fd, path).at = to + bytes.len();
                }
                self.change(id, Change::Write { at: to, bytes: bytes.clone() });
            }
            Call::Duplicate { path, of, fd } => {
                let open = self.descriptor(*of, path).clone();
                self.open.insert(*fd, open);
            }
            Call::Seek { fd, to } => {
                if let Some(open) = self.open.get_mut(fd) {
                    open.at = *to;
                }
            }
            Call::Resize { path, fd, length } => {
                let id = self.descriptor(*fd, path).id;
                self.change(id, Change::Resize(*length));
            }
            Call::MakeDirectory(path) => self.make_directory(path),
            Call::Remove(path) => self.remove(path, began),
            Call::Rename(from, to) => {
                let id = self.find(from).expect("what is renamed exists");
                self.rename(&[(from, None), (to, Some(id))]);
            }
        }
    }

    fn open(&mut self, path: &Path, create: bool, truncate: bool) -> Id {
        let id = match self.find(path) {
            Some(id) => id,
            None if create => {
                let id = self.add(Inode::file());
                self.rename(&[(path, Some(id))]);
                id
            }
            // It was removed while it was opened. Files are read then, of which nothing is told here; directories are synced.
            None => self.add(Inode::directory(Made::At(self.now))),
        };
        if truncate {
            self.change(id, Change::Resize(0));
        }
        id
    }

    fn make_directory(&mut self, path: &Path) {
        let (now, known) = (self.now, self.find(path));
        if let Some(Inode::Directory { made: made @ Made::InAdvance(_), .. }) = known.map(|id| &mut self.inodes[id]) {
            *made = Made::At(now);
            return;
        }
        // One of this name that is known has been removed: the call that did so has yet to end.
        let id = self.add(Inode::directory(Made::At(now)));
        self.rename(&[(path, Some(id))]);
    }

    /// Removes what had the name when the call began: what was made since took its place. A name that is not known is a
    /// socket's, or went with its directory.
    fn remove(&mut self, path: &Path, began: u64) {
        let Some(id) = self.find(path) else { return };
        let newer = match &self.inodes[id] {
            Inode::Directory { made: Made::At(at) | Made::InAdvance(at), .. } => *at > began,
            Inode::File { .. } => false,
        };
        if !newer {
            self.rename(&[(path, None)]);
        }
    }

    /// Descriptors are used again: the trace's path says that this one is meant.
    fn descriptor(&mut self, fd: u32, path: &Path) -> &mut Open {
        let open = self.open.get_mut(&fd).unwrap_or_else(|| panic!("descriptor {fd}, {}, is not open", path.display()));
        assert_eq!(open.path, path, "descriptor {fd} stands for another file");
        open
    }

    fn add(&mut self, inode: Inode) -> Id {
        self.inodes.push(inode);
        self.inodes.len() - 1
    }

    fn names(&self, id: Id) -> &Names {
        match &self.inodes[id] {
            Inode::Directory { names, .. } => names,
            Inode::File { .. } => panic!("a file holds no names"),
        }
    }

    fn find(&self, path: &Path) -> Option<Id> {
        path.iter().try_fold(0, |id, name| self.names(id).get(name.to_str()?).copied())
    }

    fn length(&self, id: Id) -> usize {
        match &self.inodes[id] {
            Inode::File { length, .. } => *length,
            Inode::Directory { .. } => panic!("a directory has no length"),
        }
    }

    fn change(&mut self, id: Id, change: Change) {
        let Inode::File { length, pending, .. } = &mut self.inodes[id] else { panic!("a directory is not written to") };
        *length = match &change {
            Change::Write { at, bytes } => (*length).max(at + bytes.len()),
            Change::Resize(to) => *to,
        };
        pending.push((self.now, change));
    }

    /// Changes names, those of one directory at once.
    fn rename(&mut self, changes: &[(&Path, Option<Id>)]) {
        let mut by_directory = BTreeMap::<Id, Renamed>::new();
        for (path, id) in changes {
            let (parent, name) =
                (path.parent().expect("it lies in one"), path.file_name().and_then(|name| name.to_str()));
            let parent = self.find(parent).unwrap_or_else(|| {
                let id = self.add(Inode::directory(Made::InAdvance(self.now)));
                self.rename(&[(parent, Some(id))]);
                id
            });
            by_directory.entry(parent).or_default().push((name.expect("names are text").to_owned(), *id));
        }
        for (directory, changed) in by_directory {
            let Inode::Directory { names, pending, .. } = &mut self.inodes[directory] else { panic!("no directory") };
            put(names, &changed);
            pending.push((self.now, changed));
        }
    }

    fn sync(&mut self, id: Id, began: u64) {
        match &mut self.inodes[id] {
            Inode::File { durable, pending, .. } => {
                pending.extract_if(.., |(at, _)| *at < began).for_each(|(_, change)| apply(durable, &change));
            }
            Inode::Directory { durable, pending, .. } => {
                pending.extract_if(.., |(at, _)| *at < began).for_each(|(_, changed)| put(durable, &changed));
            }
        }
    }

    /// Writes into the empty directory `into` what a power cut would leave now.
    pub(super) fn cut(&self, into: &Path, loss: &mut Loss) {
        self.leave(0, into, loss);
    }

    fn leave(&self, directory: Id, into: &Path, loss: &mut Loss) {
        let Inode::Directory { durable, pending, .. } = &self.inodes[directory] else { panic!("no directory") };
        let mut names = durable.clone();
        if let Loss::Something(random) = loss {
            let kept = random.usize(..=pending.len());
            pending[..kept].iter().for_each(|(_, changed)| put(&mut names, changed));
        }
        // What shared memory holds is written through no call; SQLite makes it anew.
        for (name, id) in names.into_iter().filter(|(name, _)| !name.ends_with("-shm")) {
            let path = into.join(name);
            match &self.inodes[id] {
                Inode::File { durable, pending, .. } => {
                    fs::write(path, left(durable, pending, loss)).expect("the image can be written");
                }
                Inode::Directory { .. } => {
                    fs::create_dir(&path).expect("the image can be written");
                    self.leave(id, &path, loss);
                }
            }
        }
    }

    /// The names of all files and directories that are not durable as they are.
    pub(super) fn unsynced(&self) -> Vec<String> {
        let mut found = Vec::new();
        self.look(0, Path::new("."), &mut found);
        found
    }

    fn look(&self, id: Id, path: &Path, found: &mut Vec<String>) {
        let pending = match &self.inodes[id] {
            Inode::File { pending, .. } => pending.len(),
            Inode::Directory { pending, .. } => pending.len(),
        };
        if pending > 0 {
            found.push(format!("{} ({pending})", path.display()));
        }
        if let Inode::Directory { names, .. } = &self.inodes[id] {
            for (name, id) in names {
                self.look(*id, &path.join(name), found);
            }
        }
    }
}

/// What is left of a file's bytes.
fn left(durable: &[u8], pending: &[(u64, Change)], loss: &mut Loss) -> Vec<u8> {
    let mut bytes = durable.to_vec();
    let Loss::Something(random) = loss else { return bytes };
    for (_, change) in pending {
        match change {
            _ if random.bool() => {}
            Change::Write { at, bytes: written } if random.u8(..8) == 0 => {
                let torn = written[..random.usize(..=written.len()) / SECTOR * SECTOR].to_vec();
                apply(&mut bytes, &Change::Write { at: *at, bytes: torn });
            }
            change => apply(&mut bytes, change),
        }
    }
    bytes
}

fn apply(bytes: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Resize(length) => bytes.resize(*length, 0),
        Change::Write { at, bytes: written } => {
            let end = at + written.len();
            if bytes.len() < end {
                bytes.resize(end, 0);
            }
            bytes[*at..end].copy_from_slice(written);
        }
    }
}

fn put(names: &mut Names, changed: &[(String, Option<Id>)]) {
    for (name, id) in changed {
        match id {
            Some(id) => drop(names.insert(name.clone(), *id)),
            None => drop(names.remove(name)),
        }
    }
}
