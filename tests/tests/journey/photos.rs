//! Uploading photos, looking at them whole, in part and small, and who may see them.

use image::ImageFormat;
use portico_tests::{Home, pictures};
use serde_json::{Value, json};

fn ids(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_photo_is_uploaded_looked_at_in_parts_and_deleted() {
    let home = Home::new();
    let node = home.up().await;
    let ann = node.register("ann").await;

    let created = ann.post("/me/photos").form_file("file", "holiday.png", pictures::png()).await;
    let photo = created.expect(201);
    let path = format!("/me/photos/{}", photo["id"].as_str().unwrap());
    let content = ann.get(&format!("{path}/content")).await;
    let part = ann.get(&format!("{path}/content")).header("range", "bytes=8-15").await;
    let beyond = ann.get(&format!("{path}/content")).header("range", "bytes=99999999-").await;
    let known = ann.get(&format!("{path}/content")).header("if-none-match", content.header("etag")).await;
    ann.delete(&path).await.expect(204);
    let gone = ann.get(&format!("{path}/content")).header("if-none-match", content.header("etag")).await;

    assert_eq!(created.header("location"), path);
    assert_eq!(
        (&photo["content_type"], &photo["width"], &photo["height"]),
        (&json!("image/png"), &json!(64), &json!(48))
    );
    assert_eq!((content.status, content.header("content-type")), (200, "image/png"));
    assert_eq!(photo["size_bytes"], content.bytes.len());
    assert_eq!(content.header("etag"), format!("\"{}\"", photo["sha256"].as_str().unwrap()));
    assert_eq!(content.header("x-content-type-options"), "nosniff");
    assert!(content.header("content-security-policy").contains("default-src 'none'"), "{:?}", content.headers);
    assert_eq!((part.status, &part.bytes[..]), (206, &content.bytes[8..16]));
    assert_eq!(part.header("content-range"), format!("bytes 8-15/{}", content.bytes.len()));
    assert_eq!(beyond.status, 416);
    assert_eq!((known.status, known.bytes.len()), (304, 0));
    assert_eq!(gone.status, 404, "a cache that asks learns that the photo is gone");
}

#[tokio::test]
async fn a_rendition_fits_into_256_pixels_and_keeps_the_shape() {
    let home = Home::new();
    let node = home.up().await;
    let ann = node.register("ann").await;

    let photo = ann.upload(pictures::picture(1024, 512, ImageFormat::Jpeg)).await;
    let thumb = ann.get(photo["thumb_url"].as_str().unwrap()).await;

    assert_eq!(thumb.status, 200);
    let thumb = image::load_from_memory(&thumb.bytes).unwrap();
    assert_eq!((thumb.width(), thumb.height()), (256, 128));
}

#[tokio::test]
async fn a_turned_photo_is_stored_upright_and_does_not_tell_where_it_was_taken() {
    let home = Home::new();
    let node = home.up().await;
    let ann = node.register("ann").await;

    let photo = ann.upload(pictures::turned_jpeg(120, 80, "48.8584N 2.2945E")).await;
    let content = ann.get(photo["content_url"].as_str().unwrap()).await;

    assert_eq!((&photo["width"], &photo["height"]), (&json!(80), &json!(120)));
    let stored = image::load_from_memory(&content.bytes).unwrap();
    assert_eq!((stored.width(), stored.height()), (80, 120));
    assert!(!content.bytes.windows(4).any(|bytes| bytes == b"Exif"));
    assert!(!content.bytes.windows(8).any(|bytes| bytes == b"48.8584N"));
}

#[tokio::test]
async fn photos_are_listed_page_by_page_latest_first() {
    let home = Home::new();
    let node = home.up().await;
    let ann = node.register("ann").await;
    let mut uploaded = Vec::new();
    for width in 10..13 {
        let photo = ann.upload(pictures::picture(width, 10, ImageFormat::Png)).await;
        uploaded.insert(0, photo["id"].as_str().unwrap().to_owned());
    }

    let first = ann.get("/me/photos?limit=2").await.expect(200);
    let cursor = first["next"].as_str().unwrap();
    let last = ann.get(&format!("/me/photos?limit=2&after={cursor}")).await.expect(200);
    let me = ann.get("/me").await.expect(200);

    assert_eq!(ids(&first["items"]), uploaded[..2]);
    assert_eq!((ids(&last["items"]), &last["next"]), (vec![uploaded[2].as_str()], &Value::Null));
    assert_eq!((&me["photo_count"], ids(&me["photos"])), (&json!(3), uploaded.iter().map(String::as_str).collect()));
}

#[tokio::test]
async fn others_see_name_and_photos_and_never_the_address() {
    let home = Home::new();
    let node = home.up().await;
    let (ann, ben) = (node.register("ann").await, node.register("ben").await);
    let photo = ann.upload(pictures::png()).await;
    let photo = photo["id"].as_str().unwrap();
    let of_ann = |path: &str| format!("/users/id/{}{path}", ann.id);

    let profile = ben.get(&of_ann("")).await.expect(200);
    let photos = ben.get(&of_ann("/photos")).await.expect(200);
    let content = ben.get(&of_ann(&format!("/photos/{photo}/content"))).await;
    let as_own = ben.get(&format!("/me/photos/{photo}")).await;
    let deleted = ben.delete(&format!("/me/photos/{photo}")).await;
    let of_wrong_user = ann.get(&format!("/users/id/{}/photos/{photo}", ben.id)).await;

    assert_eq!((&profile["name"], &profile["photo_count"]), (&json!("ann"), &json!(1)));
    assert!(!profile.to_string().contains('@'), "{profile}");
    assert_eq!(ids(&photos["items"]), [photo]);
    assert_eq!(content.status, 200);
    for answer in [as_own, deleted, of_wrong_user] {
        assert_eq!((answer.status, answer.problem().1), (404, "photo_unknown".into()));
    }
    assert_eq!(ann.get(&format!("/me/photos/{photo}")).await.status, 200);
}
