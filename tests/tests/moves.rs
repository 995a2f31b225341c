//! Photos' bytes are moved from one place to another while the node serves.

use std::{path::PathBuf, process::Child};

use image::ImageFormat;
use portico_tests::{Client, Home, Mega, Servers, eventually, pictures};
use serde_json::Value;

/// Photos of each of these tests: some batches of a move.
const PHOTOS: u32 = 60;

#[tokio::test]
async fn a_move_that_is_killed_goes_on_and_every_photo_is_there_byte_for_byte_all_the_time() {
    let servers = Servers::own(&["s3"]);
    let (files, token, mut photos) = filled(PHOTOS).await;
    let home = files.with_content_in(&servers).set("photo.content.also", "files");
    let node = home.up().await;
    let client = node.client().with_token(&token);
    photos.push(Kept::new(&client, 99).await);

    for _ in 0..2 {
        let mut mover = begun(&home, &servers).await;
        mover.kill().unwrap();
        mover.wait().unwrap();
        unchanged(&client, &photos).await;
    }
    let finished = home.run(&["photos", "move", "--from", "fs", "--to", "s3"]);
    let again = home.run(&["photos", "move", "--from", "files", "--to", "s3"]);

    assert_eq!((finished.code(), again.code()), (Some(0), Some(0)), "{finished:?} {again:?}");
    assert!(finished.stdout.contains("take `photo.content.also` out"), "{finished:?}");
    assert!(again.stdout.starts_with("0 moved, 61 there already, 0 left"), "{again:?}");
    unchanged(&client, &photos).await;
    assert_eq!(content(&home), [] as [PathBuf; 0]);
    assert_eq!(objects(&servers), 2 * photos.len());
    node.stop().await;
    let home = home.without("photo.content.also");
    let node = home.up().await;
    unchanged(&node.client().with_token(&token), &photos).await;
}

#[tokio::test]
async fn a_node_that_is_killed_during_a_move_loses_nothing_and_leaves_nothing() {
    let servers = Servers::own(&["s3"]);
    let (files, token, photos) = filled(PHOTOS).await;
    let home = files.with_content_in(&servers).set("photo.content.also", "files");
    let mut node = home.up().await;

    for _ in 0..2 {
        let mut mover = begun(&home, &servers).await;
        node.kill();
        mover.wait().unwrap();
        node = home.up().await;
        unchanged(&node.client().with_token(&token), &photos).await;
    }
    let finished = home.run(&["photos", "move", "--from", "files", "--to", "s3"]);

    assert_eq!(finished.code(), Some(0), "{finished:?}");
    unchanged(&node.client().with_token(&token), &photos).await;
    assert_eq!((content(&home), objects(&servers)), (Vec::new(), 2 * photos.len()));
}

#[tokio::test]
async fn what_is_deleted_during_a_move_leaves_nothing_in_either_place() {
    let servers = Servers::own(&["s3"]);
    let (files, token, photos) = filled(PHOTOS).await;
    let home = files.with_content_in(&servers).set("photo.content.also", "files");
    let node = home.up().await;
    let client = node.client().with_token(&token);

    let mover = home.command(&["photos", "move", "--from", "files", "--to", "s3"]).spawn().unwrap();
    for photo in &photos {
        client.delete(&format!("/me/photos/{}", photo.id)).await.expect(204);
    }
    let ended = mover.wait_with_output().unwrap();

    eventually("both places being empty", || async {
        (content(&home).is_empty() && objects(&servers) == 0).then_some(())
    })
    .await;
    assert!([Some(0), Some(75)].contains(&ended.status.code()), "{ended:?}");
    let last = home.run(&["photos", "move", "--from", "files", "--to", "s3"]);
    assert!(last.stdout.starts_with("0 moved, 0 there already, 0 left"), "{last:?}");
}

#[tokio::test]
async fn photos_go_to_mega_and_back_without_a_running_node() {
    let mega = Mega::start();
    let (files, token, photos) = filled(10).await;

    let home = files.with_content_at(&mega).set("photo.content.also", "files");
    let there = home.run(&["photos", "move", "--from", "files", "--to", "mega"]);
    let kept = (content(&home).len(), mega.files());
    let home = home.set("photo.content.adapter", "files").set("photo.content.also", "mega");
    let back = home.run(&["photos", "move", "--from", "mega", "--to", "files"]);

    assert_eq!((there.code(), back.code()), (Some(0), Some(0)), "{there:?} {back:?}");
    assert!(there.stdout.starts_with("10 moved") && back.stdout.starts_with("10 moved"), "{there:?} {back:?}");
    assert_eq!((kept, mega.files()), ((0, 20), 0));
    let node = home.up().await;
    unchanged(&node.client().with_token(&token), &photos).await;
}

#[tokio::test]
async fn content_that_was_damaged_or_lost_stays_and_is_told() {
    let servers = Servers::shared(&["s3"]);
    let (files, _, photos) = filled(3).await;
    let original = |photo: &Kept| {
        let name = format!("{}.orig", photo.id);
        content(&files).into_iter().find(|path| path.ends_with(&name)).unwrap()
    };
    let (damaged, lost) = (original(&photos[0]), original(&photos[1]));
    std::fs::write(&damaged, vec![0; photos[0].bytes.len()]).unwrap();
    std::fs::remove_file(lost).unwrap();

    let home = files.with_content_in(&servers).set("photo.content.also", "files");
    let moved = home.run(&["photos", "move", "--from", "files", "--to", "s3"]);

    assert_eq!(moved.code(), Some(65), "{moved:?}");
    assert!(moved.stdout.starts_with("1 moved, 0 there already, 2 left"), "{moved:?}");
    for (photo, why) in [(&photos[0], "is not what was uploaded"), (&photos[1], "is in neither place")] {
        assert!(moved.stderr.contains(&format!("photo {}: its content {why}", photo.id)), "{moved:?}");
    }
    assert!(damaged.exists());
}

#[tokio::test]
async fn nothing_is_moved_before_the_node_looks_in_both_places() {
    let servers = Servers::shared(&["s3"]);
    let files = Home::new();
    let node = files.up().await;
    let command = ["photos", "move", "--from", "files", "--to", "s3"];

    let unset = files.run(&command);
    let home = files.with_content_in(&servers).set("photo.content.also", "files");
    let unaware = home.run(&command);

    for refused in [unset, unaware] {
        assert_eq!(refused.code(), Some(78), "{refused:?}");
        assert!(refused.stderr.contains("say `adapter: s3` and `also: files`, start every node anew"), "{refused:?}");
    }
    node.stop().await;
}

/// A photo as it was uploaded.
struct Kept {
    id: String,
    url: String,
    thumb: String,
    bytes: Vec<u8>,
    small: Vec<u8>,
}

impl Kept {
    async fn new(client: &Client, number: u32) -> Self {
        let photo = client.upload(pictures::picture(300 + number, 200, ImageFormat::Png)).await;
        let text = |key: &str| photo[key].as_str().map(str::to_owned).unwrap_or_default();
        let (url, thumb) = (text("content_url"), text("thumb_url"));
        let (bytes, small) = (client.get(&url).await, client.get(&thumb).await);
        assert_eq!((bytes.status, small.status), (200, 200), "{photo}");
        Self { id: text("id"), url, thumb, bytes: bytes.bytes, small: small.bytes }
    }
}

/// A home whose node keeps photos in files and has stopped, with their owner's token and themselves.
async fn filled(count: u32) -> (Home, String, Vec<Kept>) {
    let home = Home::new();
    let node = home.up().await;
    let token = node.register("ann").await.token;
    let client = node.client().with_token(&token);
    let mut photos = Vec::new();
    for number in 0..count {
        photos.push(Kept::new(&client, number).await);
    }
    node.stop().await;
    (home, token, photos)
}

async fn unchanged(client: &Client, photos: &[Kept]) {
    for photo in photos {
        let (bytes, small) = (client.get(&photo.url).await, client.get(&photo.thumb).await);
        assert_eq!((bytes.status, small.status), (200, 200), "{}", photo.id);
        assert!(bytes.bytes == photo.bytes && small.bytes == photo.small, "{} has changed", photo.id);
    }
    let listed: Value = client.get("/me/photos?limit=100").await.expect(200);
    assert_eq!(listed["items"].as_array().unwrap().len(), photos.len());
}

/// A move that has just moved something.
async fn begun(home: &Home, servers: &Servers) -> Child {
    let before = objects(servers);
    let mover = home.command(&["photos", "move", "--from", "files", "--to", "s3"]).spawn().unwrap();
    eventually("the first photos", || async { (objects(servers) > before).then_some(()) }).await;
    mover
}

/// The files of photos in the data directory.
fn content(home: &Home) -> Vec<PathBuf> {
    let directory = home.data().join("content");
    let is_photo = |path: &PathBuf| path.extension().is_some_and(|kind| kind == "orig" || kind == "thumb");
    home.files().into_iter().filter(|path| path.starts_with(&directory)).filter(is_photo).collect()
}

/// The objects of the bucket, but for the one that readiness writes.
fn objects(servers: &Servers) -> usize {
    let mut found = 0;
    let mut open = vec![servers.directory().join("s3")];
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() && !path.is_symlink() {
                open.push(path);
            } else if path.extension().is_some_and(|kind| kind == "orig" || kind == "thumb") {
                found += 1;
            }
        }
    }
    found
}
