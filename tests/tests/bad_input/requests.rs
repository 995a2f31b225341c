//! Paths, methods, headers, credentials, and what belongs to somebody else.

use portico_tests::{Home, PASSWORD, Raw, pictures};
use reqwest::Method;
use serde_json::json;

/// Well formed as a token, and unknown.
const DEAD_TOKEN: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

#[tokio::test]
async fn unknown_paths_and_methods_are_told_apart() {
    let home = Home::new();
    let node = home.up().await;
    let client = node.client();

    let nowhere = client.get("/nowhere").await;
    let climbing = client.get("/docs/..%2f..%2fetc/passwd").await;
    let method = client.call(Method::PUT, "/reg").await;
    let invented = client.call(Method::from_bytes(b"FETCH").unwrap(), "/me").await;

    assert_eq!((nowhere.status, nowhere.problem().1), (404, "not_found".into()));
    assert_eq!(climbing.status, 404);
    assert_eq!((method.status, method.problem().1), (405, "method_not_allowed".into()));
    assert!(method.header("allow").split(", ").any(|allowed| allowed == "POST"), "{:?}", method.headers);
    assert_eq!(invented.status, 405);
}

#[tokio::test]
async fn a_request_without_a_live_session_is_refused() {
    let home = Home::new();
    let node = home.up().await;
    let client = node.client();

    for path in
        ["/me", "/me/sessions", "/me/photos", "/session/verify", "/users/id/01890000-0000-7000-8000-000000000000"]
    {
        let missing = client.get(path).await;
        let dead = client.with_token(DEAD_TOKEN).get(path).await;
        let garbled = client.get(path).header("authorization", "Bearer not-a-token").await;
        let basic = client.get(path).header("authorization", "Basic YW5uOmFubg==").await;

        assert_eq!((missing.status, missing.problem().1), (401, "session_missing".into()), "{path}");
        assert!(missing.header("www-authenticate").starts_with("Bearer"), "{path}");
        assert_eq!((dead.status, dead.problem().1), (401, "session_dead".into()), "{path}");
        assert_eq!((garbled.status, garbled.problem().1), (401, "session_dead".into()), "{path}");
        assert_eq!((basic.status, basic.problem().1), (401, "session_missing".into()), "{path}");
    }
}

#[tokio::test]
async fn a_cookie_and_a_bearer_token_at_once_are_refused() {
    let home = Home::new();
    let node = home.up().await;
    let browser = node.client();
    browser
        .post("/reg")
        .json(&json!({"name": "Ann", "email": "ann@example.com", "password": PASSWORD}))
        .await
        .expect(201);

    let both = browser.get("/me").header("authorization", &format!("Bearer {DEAD_TOKEN}")).await;

    assert_eq!((both.status, both.problem().1), (400, "ambiguous_credentials".into()));
}

#[tokio::test]
async fn another_sites_page_changes_nothing() {
    const OWN: &str = "http://127.0.0.1:8080"; // wherever the node listens
    let home = Home::new().set("gateway.public_url", OWN);
    let node = home.up().await;
    let browser = node.client();
    browser
        .post("/reg")
        .json(&json!({"name": "Ann", "email": "ann@example.com", "password": PASSWORD}))
        .await
        .expect(201);
    let rename = || browser.patch("/me/update").json(&json!({"name": "Eve"}));

    let foreign = rename().header("origin", "https://evil.example").await;
    let opaque = rename().header("origin", "null").await;
    let metadata = rename().header("sec-fetch-site", "cross-site").await;
    let own = rename().header("origin", OWN).await;

    for refused in [foreign, opaque, metadata] {
        assert_eq!((refused.status, refused.problem().1), (403, "cross_site".into()));
    }
    assert_eq!(own.status, 200);
}

#[tokio::test]
async fn another_users_ids_name_nothing() {
    let home = Home::new();
    let node = home.up().await;
    let (ann, eve) = (node.register("ann").await, node.register("eve").await);
    let photo = ann.upload(pictures::png()).await;
    let photo = photo["id"].as_str().unwrap();
    let sessions = ann.get("/me/sessions").await.expect(200);
    let session = sessions[0]["id"].as_str().unwrap();

    let looks = [
        (Method::GET, format!("/me/photos/{photo}"), "photo_unknown"),
        (Method::GET, format!("/me/photos/{photo}/content"), "photo_unknown"),
        (Method::DELETE, format!("/me/photos/{photo}"), "photo_unknown"),
        (Method::DELETE, format!("/me/sessions/{session}"), "session_unknown"),
        (Method::GET, "/me/photos/1".to_owned(), "photo_unknown"),
        (Method::DELETE, "/me/sessions/1".to_owned(), "session_unknown"),
        (Method::GET, "/users/id/1".to_owned(), "user_unknown"),
        (Method::GET, "/users/id/01890000-0000-7000-8000-000000000000".to_owned(), "user_unknown"),
    ];

    for (method, path, code) in looks {
        let answer = eve.call(method.clone(), &path).await;
        assert_eq!((answer.status, answer.problem().1), (404, code.to_owned()), "{method} {path}");
    }
    assert_eq!(ann.get(&format!("/me/photos/{photo}")).await.status, 200);
}

#[tokio::test]
async fn a_query_off_its_grammar_is_refused_by_name() {
    let home = Home::new();
    let node = home.up().await;
    let ann = node.register("ann").await;

    for (query, status, field) in [
        ("limit=0", 422, "limit"),
        ("limit=101", 422, "limit"),
        ("limit=many", 422, "limit"),
        ("limit=-1", 422, "limit"),
        ("after=nowhere", 422, "after"),
        ("page=2", 422, "page"),
        ("limit=1&limit=2", 400, "limit"),
    ] {
        let answer = ann.get(&format!("/me/photos?{query}")).await;
        assert_eq!((answer.status, answer.problem().2.as_str()), (status, field), "{query}: {}", answer.json());
    }
    let transport =
        node.client().post("/auth?transport=pigeon").json(&json!({"email": ann.email, "password": PASSWORD})).await;
    assert_eq!(transport.problem(), (422, "invalid_field".into(), "transport".into()));
}

#[tokio::test]
async fn heads_that_are_too_large_or_no_http_are_refused() {
    let home = Home::new();
    let node = home.up().await;
    let client = node.client();

    let large = client.get("/me").header("x-filler", &"a".repeat(20_000)).await;
    let mut garbage = Raw::connect(node.gateway()).await;
    garbage.write("HELO example.com\r\n\r\n").await;
    let garbage = garbage.finish().await;
    let mut smuggled = Raw::connect(node.gateway()).await;
    smuggled
        .write("POST /reg HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n")
        .await;
    let smuggled = smuggled.finish().await;

    assert_eq!((large.status, large.problem().1), (431, "header_too_large".into()));
    assert!(garbage.starts_with("HTTP/1.1 400") || garbage.is_empty(), "{garbage}");
    assert!(smuggled.starts_with("HTTP/1.1 400 "), "{smuggled}");
    assert_eq!(client.get("/openapi.json").await.status, 200, "the next one is served");
}
