//! Uploads that are no pictures, or worse.

use image::ImageFormat;
use portico_tests::{Home, Raw, eventually, pictures};

/// What, the bytes, and the status, code, field and rule that they must be answered with.
type Case = (&'static str, Vec<u8>, u16, &'static str, &'static str, &'static str);

fn cases() -> Vec<Case> {
    let png = pictures::png();
    let jpeg = pictures::picture(64, 48, ImageFormat::Jpeg);
    let unsupported = |what, bytes: Vec<u8>| (what, bytes, 415, "unsupported_media_type", "", "");
    let broken = |what, bytes: Vec<u8>| (what, bytes, 422, "invalid_field", "file", "bad_image");
    let too_many = |what, bytes: Vec<u8>| (what, bytes, 422, "invalid_field", "file", "too_many_pixels");
    vec![
        unsupported("nothing", Vec::new()),
        unsupported("an executable under the name of a picture", b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".repeat(64)),
        unsupported("an SVG", br#"<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>"#.to_vec()),
        unsupported("a page", b"<!doctype html><script>alert(1)</script>".to_vec()),
        unsupported("a TIFF", b"II*\0\x08\0\0\0\0\0\0\0".to_vec()),
        too_many("a header that claims 50,001 x 50,001", pictures::claiming(50_001, 50_001)),
        too_many("a few kilobytes that unpack to 400 MB", pictures::bomb()),
        too_many("a picture of 25 megapixels", pictures::claiming(5_000, 5_000)),
        broken("a header without pixels", pictures::claiming(64, 64)),
        broken("a picture of no pixels", pictures::claiming(0, 0)),
        broken("a PNG that breaks off", png[..png.len() / 2].to_vec()),
        broken("a JPEG that breaks off", jpeg[..jpeg.len() / 2].to_vec()),
        broken("a signature and nothing else", b"\x89PNG\r\n\x1a\n".to_vec()),
        ("a picture of more than 10 MiB", [png.clone(), vec![0; 11 * 1024 * 1024]].concat(), 413, "too_large", "", ""),
    ]
}

fn pictures_on_disk(home: &Home) -> usize {
    let is_picture = |path: &std::path::PathBuf| {
        std::fs::read(path).is_ok_and(|bytes| !bytes.is_empty() && image::guess_format(&bytes).is_ok())
    };
    home.files().iter().filter(|path| is_picture(path)).count()
}

#[tokio::test]
async fn a_bad_upload_is_refused_and_leaves_nothing() {
    let home = Home::new();
    let node = home.up().await;
    let ann = node.register("ann").await;

    for (what, bytes, status, code, field, rule) in cases() {
        let raw = ann.post("/me/photos").body("image/png", bytes.clone()).await;
        let form = ann.post("/me/photos").form_file("file", "holiday.jpg", bytes).await;

        for answer in [raw, form] {
            let problem = answer.json();
            assert_eq!(answer.problem(), (status, code.to_owned(), field.to_owned()), "{what}: {problem}");
            assert_eq!(problem["errors"][0]["code"].as_str().unwrap_or_default(), rule, "{what}: {problem}");
        }
    }
    assert_eq!(ann.get("/me").await.expect(200)["photo_count"], 0);
    eventually("the refused uploads to go", async || (pictures_on_disk(&home) == 0).then_some(())).await;
}

#[tokio::test]
async fn a_form_without_its_file_is_told_what_is_missing() {
    let home = Home::new();
    let node = home.up().await;
    let ann = node.register("ann").await;

    let other = ann.post("/me/photos").form_file("picture", "holiday.png", pictures::png()).await;
    let garbled = ann.post("/me/photos").body("multipart/form-data", "no boundary").await;

    assert_eq!(other.status, 422, "{}", other.json());
    assert!((400..500).contains(&garbled.status), "{}", garbled.json());
    assert_eq!(ann.get("/me").await.expect(200)["photo_count"], 0);
}

#[tokio::test]
async fn a_truncated_upload_is_thrown_away() {
    let home = Home::new();
    let node = home.up().await;
    let ann = node.register("ann").await;
    let picture = pictures::png();

    let mut upload = Raw::connect(node.gateway()).await;
    let head = format!(
        "POST /me/photos HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-type: image/png\r\ncontent-length: {}\r\n\r\n",
        ann.token,
        picture.len()
    );
    upload.write(head).await;
    upload.write(&picture[..picture.len() / 2]).await;
    let answer = upload.finish().await;

    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert_eq!(ann.get("/me").await.expect(200)["photo_count"], 0);
    eventually("the half upload to go", async || (pictures_on_disk(&home) == 0).then_some(())).await;
}

#[tokio::test]
async fn an_upload_without_a_session_is_refused() {
    let home = Home::new();
    let node = home.up().await;

    let refused = node.client().post("/me/photos").body("image/png", pictures::png()).await;

    assert_eq!((refused.status, refused.problem().1), (401, "session_missing".into()));
}
