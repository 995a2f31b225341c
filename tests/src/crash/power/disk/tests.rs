//! What a power cut leaves: names, bytes, and calls that overlap.

use super::*;

fn did(disk: &mut Disk, call: Call) {
    let began = usize::try_from(disk.now).unwrap();
    disk.take(&Step::Did { call, began });
}

fn make(disk: &mut Disk, name: &str, fd: u32) {
    let path = PathBuf::from(name);
    did(disk, Call::Open { path, fd, create: true, truncate: false, append: true });
}

fn write(disk: &mut Disk, name: &str, fd: u32, bytes: &[u8]) {
    did(disk, Call::Write { path: name.into(), fd, at: None, bytes: bytes.to_vec() });
}

fn sync(disk: &mut Disk, name: &str, fd: u32) {
    disk.take(&Step::SyncBegins { thread: 1, path: name.into(), fd });
    disk.take(&Step::SyncEnds { thread: 1, succeeded: true });
}

fn open_root(disk: &mut Disk, fd: u32) {
    did(disk, Call::Open { path: PathBuf::new(), fd, create: false, truncate: false, append: false });
}

/// Names and contents after a power cut in which everything is lost that was not synced.
fn after(disk: &Disk) -> BTreeMap<String, Vec<u8>> {
    let image = tempfile::tempdir().unwrap();
    disk.cut(image.path(), &mut Loss::Everything);
    let entries = fs::read_dir(image.path()).unwrap().map(|entry| entry.unwrap());
    entries.map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())).collect()
}

#[test]
fn a_synced_file_without_a_synced_name_is_lost_and_a_name_alone_is_empty() {
    let mut disk = Disk::new();
    open_root(&mut disk, 3);

    make(&mut disk, "named", 4);
    write(&mut disk, "named", 4, b"lost");
    sync(&mut disk, "", 3);
    make(&mut disk, "nameless", 5);
    write(&mut disk, "nameless", 5, b"synced");
    sync(&mut disk, "nameless", 5);

    assert_eq!(after(&disk), BTreeMap::from([("named".to_owned(), Vec::new())]));
    assert_eq!(disk.unsynced(), [". (1)", "./named (1)"]);
}

#[test]
fn a_sync_keeps_what_was_written_before_it_began_and_nothing_later() {
    let mut disk = Disk::new();
    open_root(&mut disk, 3);
    make(&mut disk, "a", 4);
    sync(&mut disk, "", 3);

    write(&mut disk, "a", 4, b"before");
    disk.take(&Step::SyncBegins { thread: 1, path: "a".into(), fd: 4 });
    write(&mut disk, "a", 4, b"during");
    disk.take(&Step::SyncEnds { thread: 1, succeeded: true });

    assert_eq!(after(&disk)["a"], b"before");
}

#[test]
fn a_renamed_file_keeps_its_bytes_and_a_failed_sync_keeps_nothing() {
    let mut disk = Disk::new();
    open_root(&mut disk, 3);
    make(&mut disk, "new", 4);
    write(&mut disk, "new", 4, b"whole");
    sync(&mut disk, "new", 4);

    did(&mut disk, Call::Rename("new".into(), "a".into()));
    sync(&mut disk, "", 3);
    make(&mut disk, "b", 5);
    disk.take(&Step::SyncBegins { thread: 1, path: PathBuf::new(), fd: 3 });
    disk.take(&Step::SyncEnds { thread: 1, succeeded: false });

    assert_eq!(after(&disk), BTreeMap::from([("a".to_owned(), b"whole".to_vec())]));
}

#[test]
fn calls_that_overlap_are_put_in_the_order_that_they_can_have_had() {
    let mut disk = Disk::new();
    let began = 0;

    make(&mut disk, "early/a", 4); // the call that makes its directory ends later
    did(&mut disk, Call::MakeDirectory("early".into()));
    did(&mut disk, Call::MakeDirectory("again".into()));
    did(&mut disk, Call::MakeDirectory("again".into())); // it can only have been removed meanwhile
    disk.take(&Step::Did { call: Call::Remove("again".into()), began });

    assert!(disk.find(Path::new("early/a")).is_some());
    assert!(disk.find(Path::new("again")).is_some());
}
