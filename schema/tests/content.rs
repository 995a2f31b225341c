//! What a local directory of content does besides keeping the contract.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use futures_util::TryStreamExt as _;
use portico_kernel::UserId;
use portico_photo::{ContentKey, ContentStore as _, PhotoId, Rendition};
use portico_schema::photo::ContentFiles;

struct World {
    dir: tempfile::TempDir,
    content: ContentFiles,
    owner: UserId,
}

fn world() -> World {
    let dir = tempfile::tempdir().unwrap();
    let content = ContentFiles::local(&dir.path().join("content")).unwrap();
    World { dir, content, owner: UserId::new() }
}

impl World {
    fn key(&self, rendition: Rendition) -> ContentKey {
        ContentKey { owner: self.owner, photo: PhotoId::new(), rendition }
    }

    fn file(&self, bytes: &[u8]) -> PathBuf {
        let path = self.dir.path().join(PhotoId::new().to_string());
        fs::write(&path, bytes).unwrap();
        path
    }

    async fn put(&self, key: ContentKey, bytes: &[u8]) {
        self.content.put(key, &self.file(bytes)).await.unwrap();
    }

    async fn read(&self, key: ContentKey, range: std::ops::Range<u64>) -> Option<Vec<u8>> {
        let stream = self.content.open(key, range).await.unwrap()?;
        Some(stream.try_collect::<Vec<_>>().await.unwrap().concat())
    }

    /// Every file and directory below the content directory, but for where writes begin.
    fn entries(&self) -> Vec<PathBuf> {
        fn walk(dir: &Path, found: &mut Vec<PathBuf>) {
            for entry in fs::read_dir(dir).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    walk(&path, found);
                }
                found.push(path);
            }
        }
        let mut found = Vec::new();
        walk(&self.dir.path().join("content"), &mut found);
        found.retain(|path| !path.ends_with(".unfinished"));
        found
    }
}

/// Bytes of which no two chunks are alike.
fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|at| u8::try_from((at ^ (at >> 8) ^ (at >> 16)) & 0xFF).unwrap()).collect()
}

#[tokio::test]
async fn a_write_whose_caller_has_gone_leaves_nothing_half_written() {
    let world = world();
    let (key, file) = (world.key(Rendition::Original), world.file(&bytes(2_000_000)));

    for polls in 1..40 {
        let mut put = world.content.put(key, &file);
        for _ in 0..polls {
            if futures_util::poll!(&mut put).is_ready() {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_micros(100)).await; // lets the system write on
        }
    }

    let unfinished = || fs::read_dir(world.dir.path().join("content/.unfinished")).unwrap().count();
    for _ in 0..500 {
        if unfinished() == 0 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_eq!(unfinished(), 0);
}

#[tokio::test]
async fn the_last_deletion_removes_the_owners_directory() {
    let world = world();
    let key = world.key(Rendition::Original);
    world.put(key, b"bytes").await;
    let before = world.entries().len();

    world.content.delete(key).await.unwrap();

    let owner = world.owner.to_string();
    assert_eq!(before, 3, "the file, its owner's directory, and one of the 256 above");
    assert!(world.entries().iter().all(|entry| !entry.ends_with(&owner)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn puts_and_deletions_of_one_owner_do_not_get_into_each_others_way() {
    let world = world();
    let file = world.file(b"bytes");

    let rounds = (0..8).map(|_| {
        let (content, file, keys) =
            (world.content.clone(), file.clone(), [(); 12].map(|()| world.key(Rendition::Thumb)));
        tokio::spawn(async move {
            for key in keys {
                content.put(key, &file).await.unwrap();
                content.delete(key).await.unwrap();
            }
        })
    });
    futures_util::future::try_join_all(rounds).await.unwrap();

    let files = world.entries().into_iter().filter(|entry| entry.is_file()).count();
    assert_eq!(files, 0);
}

#[tokio::test]
async fn content_survives_a_restart_and_unfinished_writes_do_not() {
    let world = world();
    let key = world.key(Rendition::Original);
    world.put(key, b"bytes").await;
    let root = world.dir.path().join("content");
    fs::write(root.join(".unfinished").join("photo.orig.Ab12"), b"half").unwrap();

    let reopened = ContentFiles::local(&root).unwrap();

    let stream = reopened.open(key, 0..5).await.unwrap().unwrap();
    assert_eq!(stream.try_collect::<Vec<_>>().await.unwrap().concat(), b"bytes");
    assert_eq!(fs::read_dir(root.join(".unfinished")).unwrap().count(), 0);
}

#[tokio::test]
async fn a_put_that_fails_leaves_nothing_unfinished() {
    let world = world();
    let key = world.key(Rendition::Original);

    let failed = world.content.put(key, &world.dir.path().join("no such file")).await;

    assert!(failed.is_err());
    assert_eq!(world.read(key, 0..1).await, None);
    assert!(world.entries().iter().all(|entry| !entry.is_file()));
}

#[tokio::test]
async fn the_directory_is_its_owners_alone() {
    let world = world();

    let mode = fs::metadata(world.dir.path().join("content")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}
