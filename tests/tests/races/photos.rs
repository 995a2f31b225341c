//! An idempotency key keeps one photo, and no crowd of uploads passes the quota.

use std::future::IntoFuture as _;

use image::ImageFormat;
use portico_tests::{Answer, Client, Home, eventually, histories::number, pictures};

use crate::{at_once, count, home, ids, sign_in, text};

const UPLOADS: usize = 100;
/// How often an upload is sent again that was shed before it ran.
const TRIES_MAX: usize = 2_000;

/// Uploads until it is said whether the photo is kept. One account has a bounded share of all uploads: what is shed (503)
/// did not run, and is sent again.
async fn upload(owner: Client, picture: Vec<u8>) -> Answer {
    for _ in 0..TRIES_MAX {
        let answer = owner.post("/me/photos").body("application/octet-stream", picture.clone()).await;
        if answer.problem().1 != "overloaded" {
            return answer;
        }
        tokio::task::yield_now().await;
    }
    panic!("an upload was shed {TRIES_MAX} times");
}

/// A picture like no other of a lower or higher number.
fn picture(number: usize) -> Vec<u8> {
    pictures::picture(16 + u32::try_from(number).unwrap(), 16, ImageFormat::Png)
}

/// How many files of content there are, with this extension.
fn files(home: &Home, extension: &str) -> usize {
    home.files().iter().filter(|path| path.extension().is_some_and(|found| found == extension)).count()
}

/// Waits until content is kept of `photos` photos and of none besides.
async fn holds_content_of(home: &Home, photos: usize) {
    let is_right = async || ((files(home, "orig"), files(home, "thumb")) == (photos, photos)).then_some(());
    eventually("the content of refused and deleted photos to go", is_right).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idempotency_key_that_uploads_a_hundred_times_at_once_keeps_one_photo() {
    const KEYS: usize = 8;
    let home = home();
    let node = home.up().await;
    let ann = node.register("ann").await;
    let upload = |key: usize| {
        let upload = ann.post("/me/photos").header("idempotency-key", &format!("once-{key}"));
        upload.body("application/octet-stream", picture(key)).into_future()
    };

    for key in 0..KEYS {
        let mut answers = at_once(UPLOADS, |_| upload(key)).await;
        answers.push(upload(key).await);

        let (kept, busy) = (count(&answers, 201, ""), count(&answers, 409, "idempotency_key_in_progress"));
        let shed = count(&answers, 503, "overloaded"); // more than all uploads that are served at the same time
        assert_eq!(kept + busy + shed, UPLOADS + 1, "{answers:?}");
        assert_eq!(answers.last().unwrap().status, 201, "a repeat after the race is answered like the first");
        assert_eq!(ids(&answers, "/id").len(), 1, "all of them are told of the same photo");
    }

    assert_eq!(ann.get("/me").await.expect(200)["photo_count"], KEYS);
    assert_eq!(number(&home, "photo.db", "SELECT count(*) FROM photos").await, KEYS as u64);
    holds_content_of(&home, KEYS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_uploads_at_once_fill_the_quota_and_never_pass_it() {
    const QUOTA: usize = 7;
    let home = home().set("photo.per_user_max", &QUOTA.to_string());
    let node = home.up().await;
    let ann = node.register("ann").await;
    let sessions = [sign_in(&node, &ann).await, sign_in(&node, &ann).await, ann.clone()];
    let before = 2;
    for number in 0..before {
        ann.upload(picture(UPLOADS + number)).await;
    }

    let answers = at_once(UPLOADS, |number| {
        let owner = sessions[number % sessions.len()].clone();
        async move {
            let answer = upload(owner.clone(), picture(number)).await;
            (answer, owner.get("/me").await.expect(200)["photo_count"].as_u64().unwrap())
        }
    })
    .await;

    let (answers, counts): (Vec<_>, Vec<_>) = answers.into_iter().unzip();
    let (kept, refused) = (count(&answers, 201, ""), count(&answers, 409, "photo_quota_reached"));
    assert_eq!((kept, refused), (QUOTA - before, UPLOADS - (QUOTA - before)), "{answers:?}");
    assert!(counts.iter().all(|count| *count <= QUOTA as u64), "{counts:?}");
    assert_eq!(ann.get("/me/photos?limit=100").await.expect(200)["items"].as_array().unwrap().len(), QUOTA);
    assert_eq!(number(&home, "photo.db", "SELECT count(*) FROM photos").await, QUOTA as u64);
    holds_content_of(&home, QUOTA).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_and_deletions_at_once_keep_the_count_right_and_within_the_quota() {
    const QUOTA: usize = 4;
    const ROUNDS: usize = 6;
    const CLIENTS: usize = 6;
    let home = home().set("photo.per_user_max", &QUOTA.to_string());
    let node = home.up().await;
    let ann = node.register("ann").await;

    let seen = at_once(CLIENTS, |number| {
        let ann = ann.clone();
        async move {
            let mut counts = Vec::new();
            for round in 0..ROUNDS {
                let answer = upload(ann.clone(), picture(number * ROUNDS + round)).await;
                counts.push(ann.get("/me").await.expect(200)["photo_count"].as_u64().unwrap());
                if answer.status == 201 {
                    ann.delete(&format!("/me/photos/{}", text(&answer.json()["id"]))).await.expect(204);
                } else {
                    assert_eq!((answer.status, answer.problem().1.as_str()), (409, "photo_quota_reached"));
                }
            }
            counts
        }
    })
    .await;

    assert!(seen.iter().flatten().all(|count| *count <= QUOTA as u64), "{seen:?}");
    assert_eq!(ann.get("/me").await.expect(200)["photo_count"], 0);
    assert_eq!(number(&home, "photo.db", "SELECT sum(photo_count) FROM owners").await, 0);
    holds_content_of(&home, 0).await;
}
