//! Input that is wrong gets a clear client error that names what is wrong, and reaches no domain.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::world::{World, fields, new_user, refused, world, world_with};

fn nothing_was_registered(world: &World) -> bool {
    world.seen.clients.lock().unwrap().is_empty()
}

#[actix_web::test]
async fn malformed_json_is_refused_with_its_place() {
    let world = world().await;
    for text in ["", "{", "nothing", "{\"name\":\"Bob\",}", "{\"name\":01}", "{} {}", "{'name':'Bob'}"] {
        let problem = refused(world.post_bytes("/reg", text), 400, "malformed_json").await;
        assert!(problem["detail"].as_str().unwrap().contains("line 1 column"), "{text}: {problem}");
    }
    assert!(nothing_was_registered(&world));
}

#[actix_web::test]
async fn json_that_is_no_object_is_refused() {
    let world = world().await;
    for text in ["[]", "null", "\"text\"", "1.5", "[{\"a\":1}]", "[\"Bob\",\"bob@example.com\",\"long enough\"]"] {
        refused(world.post_bytes("/reg", text), 400, "malformed_json").await;
    }
    assert!(nothing_was_registered(&world));
}

#[actix_web::test]
async fn a_key_that_is_given_twice_is_refused_at_any_depth() {
    let world = world().await;
    let bodies = [
        (r#"{"name":"Bob","email":"a@example.com","password":"long enough","email":"b@example.com"}"#, "email"),
        (r#"{"name":"Bob","email":"a@example.com","password":"long enough","x":[{"y":{"z":1,"z":2}}]}"#, "z"),
        (r#"{"name":"Bob","email":"a@example.com","password":"long enough","na\u006de":"Rob"}"#, "name"),
    ];
    for (body, key) in bodies {
        let problem = refused(world.post_bytes("/reg", body), 400, "malformed_json").await;
        assert_eq!(fields(&problem), [(key, "duplicate")], "{body}");
    }
    assert!(nothing_was_registered(&world));
}

#[actix_web::test]
async fn missing_unknown_and_mistyped_fields_are_all_named_at_once() {
    let world = world().await;
    let body = json!({ "name": ["Bob"], "password": 12, "admin": true });

    let problem = refused(world.post("/reg", &body), 422, "invalid_field").await;

    let named = [("email", "required"), ("admin", "unknown_field"), ("name", "wrong_type"), ("password", "wrong_type")];
    assert_eq!(fields(&problem), named);
    assert!(nothing_was_registered(&world));
}

#[actix_web::test]
async fn a_parameter_that_nothing_reads_is_refused_once_it_is_known_who_asks() {
    let world = world().await;
    let requests = [
        (Method::GET, "/me?verbose=1"),
        (Method::GET, "/session/verify?verbose=1"),
        (Method::DELETE, "/me/sessions?verbose=1"),
        (Method::GET, "/me/photos?verbose=1"),
    ];
    for (method, path) in requests {
        let problem = refused(world.as_ann(method.clone(), path), 422, "invalid_field").await;

        assert_eq!(fields(&problem), [("verbose", "unknown_field")], "{path}");
        refused(world.request(method, path), 401, "session_missing").await;
    }
}

#[actix_web::test]
async fn a_refused_value_is_never_repeated() {
    let world = world().await;
    let body = json!({ "name": "Bob", "email": "secret-address", "password": { "secret": "secret-password" } });

    let problem = refused(world.post("/reg", &body), 422, "invalid_field").await;

    assert!(!problem.to_string().contains("secret"), "{problem}");
}

#[actix_web::test]
async fn invalid_utf8_is_refused() {
    let world = world().await;
    let mut body = br#"{"name":"Bob","email":"bob@example.com","password":"long enough "#.to_vec();
    body.extend([0xff, 0xfe, b'"', b'}']);

    refused(world.post_bytes("/reg", body), 400, "malformed_json").await;

    refused(world.post_bytes("/reg", r#"{"name":"\ud800"}"#), 400, "malformed_json").await;
    assert!(nothing_was_registered(&world));
}

#[actix_web::test]
async fn json_that_nests_without_end_is_refused() {
    let world = world().await;

    refused(world.post_bytes("/reg", "[".repeat(60_000)), 400, "malformed_json").await;
}

#[actix_web::test]
async fn a_body_beyond_the_limit_is_too_large_announced_or_not() {
    let world = world().await;
    let body = || json!({ "name": "B".repeat(70_000) }).to_string().into_bytes();
    let chunks = reqwest::Body::wrap_stream(futures_util::stream::iter([Ok::<_, std::io::Error>(body())]));

    refused(world.post_bytes("/reg", body()), 413, "too_large").await;

    let chunked = world.request(Method::POST, "/reg").header("content-type", "application/json").body(chunks);
    refused(chunked, 413, "too_large").await;
}

#[actix_web::test]
async fn only_json_is_read_as_json() {
    let world = world().await;
    let send = |media_type: &str| {
        let body = new_user("bob@example.com").to_string();
        world.request(Method::POST, "/reg").header("content-type", media_type).body(body)
    };
    for media_type in
        ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin1", "text/json", "", "json"]
    {
        refused(send(media_type), 415, "unsupported_media_type").await;
    }
    refused(world.request(Method::POST, "/reg").body("{}"), 415, "unsupported_media_type").await;
    refused(send("application/json").header("content-encoding", "gzip"), 415, "unsupported_media_type").await;
    for media_type in ["application/json", "Application/JSON; charset=UTF-8"] {
        assert_eq!(send(media_type).send().await.unwrap().status(), StatusCode::CREATED, "{media_type}");
    }
}

#[actix_web::test]
async fn overlong_names_and_addresses_are_named() {
    let world = world().await;
    let body = json!({
        "name": "n".repeat(65),
        "email": format!("{}@example.com", "a".repeat(250)),
        "password": "p".repeat(129),
    });

    let problem = refused(world.post("/reg", &body), 422, "invalid_field").await;

    assert_eq!(fields(&problem), [("name", "too_long"), ("email", "too_long"), ("password", "too_long")]);
}

#[actix_web::test]
async fn control_and_text_direction_characters_in_a_name_are_refused() {
    let world = world().await;
    for name in ["Bob\0", "Bob\u{202e}boB", "B\u{2028}b", "B\nb", "B\u{200b}b"] {
        let body = json!({ "name": name, "email": "bob@example.com", "password": "long enough" });
        let problem = refused(world.post("/reg", &body), 422, "invalid_field").await;
        assert_eq!(fields(&problem), [("name", "forbidden_character")], "{name:?}");
    }
}

#[actix_web::test]
async fn an_unknown_or_repeated_query_parameter_is_refused() {
    let world = world().await;
    let post = |query: &str| world.post(&format!("/reg?{query}"), &new_user("bob@example.com"));

    let unknown = refused(post("transprot=bearer"), 422, "invalid_field").await;
    let wrong = refused(post("transport=carrier-pigeon"), 422, "invalid_field").await;
    let twice = refused(post("transport=bearer&transport=bearer"), 400, "malformed_request").await;

    assert_eq!(fields(&unknown), [("transprot", "unknown_field")]);
    assert_eq!(fields(&wrong), [("transport", "unknown_value")]);
    assert_eq!(fields(&twice), [("transport", "duplicate")]);
    assert!(nothing_was_registered(&world));
}

#[actix_web::test]
async fn an_unknown_path_is_not_found_for_any_method() {
    let world = world().await;
    for path in ["/", "/registration", "/me/", "/me/update/more", "/users/id/", "/%2e%2e/etc/passwd", "//me"] {
        refused(world.get(path), 404, "not_found").await;
    }
    refused(world.request(Method::from_bytes(b"BREW").unwrap(), "/coffee"), 404, "not_found").await;
}

#[actix_web::test]
async fn an_unknown_method_is_answered_with_those_that_are_allowed() {
    let world = world().await;
    let allow = |method: &'static [u8], path: &'static str| {
        let request = world.request(Method::from_bytes(method).unwrap(), path);
        async move { request.send().await.unwrap().headers()["allow"].to_str().unwrap().to_owned() }
    };

    assert_eq!(allow(b"GET", "/reg").await, "POST, OPTIONS");
    assert_eq!(allow(b"PUT", "/me/sessions").await, "GET, DELETE, HEAD, OPTIONS");
    assert_eq!(allow(b"BREW", "/me").await, "GET, HEAD, OPTIONS");
    assert_eq!(allow(b"POST", "/docs").await, "GET, HEAD, OPTIONS");
    refused(world.request(Method::PUT, "/me"), 405, "method_not_allowed").await;
}

#[actix_web::test]
async fn a_method_is_never_overridden_by_a_header() {
    let world = world().await;

    let request = world.as_ann(Method::POST, "/me/sessions").header("x-http-method-override", "DELETE");

    refused(request, 405, "method_not_allowed").await;
}

#[actix_web::test]
async fn a_client_that_accepts_no_json_is_told_so() {
    let world = world().await;
    let accept = |accept: &str| world.as_ann(Method::GET, "/me").header("accept", accept);

    for refused_types in
        ["text/html", "image/*", "application/json;q=0", "application/xml, text/*", "application/*;q=0, */*"]
    {
        refused(accept(refused_types), 406, "not_acceptable").await;
    }
    refused(accept("application/json;q=0, */*;q=0.5"), 406, "not_acceptable").await;
    for accepted in [
        "*/*",
        "text/html, */*;q=0.1",
        "*/*;q=0, application/json",
        "application/*",
        "text/*;q=0, Application/JSON",
        "application/*;q=0, application/json",
        "text/html, application/json;q=0.1",
    ] {
        assert_eq!(accept(accepted).send().await.unwrap().status(), StatusCode::OK, "{accepted}");
    }
    let on_two_lines = accept("text/html").header("accept", "application/json");
    assert_eq!(on_two_lines.send().await.unwrap().status(), StatusCode::OK);
    let without_a_body = world.as_ann(Method::GET, "/session/verify").header("accept", "text/html");
    assert_eq!(without_a_body.send().await.unwrap().status(), StatusCode::NO_CONTENT);
}

#[actix_web::test]
async fn a_head_beyond_the_limit_is_too_large() {
    let world = world().await;

    refused(world.get("/me").header("x-long", "x".repeat(17_000)), 431, "header_too_large").await;

    refused(world.get(&format!("/{}", "x".repeat(17_000))), 431, "header_too_large").await;
}

#[actix_web::test]
async fn a_body_that_stops_coming_is_timed_out() {
    let world = world_with(|config| config.gateway.deadlines.body_idle_ms = 500, |_| {}).await;
    let body = reqwest::Body::wrap_stream(futures_util::stream::pending::<Result<Vec<u8>, std::io::Error>>());

    let request = world.request(Method::POST, "/reg").header("content-type", "application/json").body(body);

    refused(request, 408, "request_timeout").await;
}

#[actix_web::test]
async fn a_cut_off_head_and_a_malformed_request_line_get_a_status_at_least() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    let world = world().await;
    for request in ["NONSENSE\r\n\r\n", "GET /me HTTP/1.1\r\nbad header\r\n\r\n", "GET /me HTTP/9.9\r\n\r\n"] {
        let mut stream = tokio::net::TcpStream::connect(world.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 400"), "{request:?}: {answer}");
    }
}

#[actix_web::test]
async fn a_head_that_does_not_come_in_time_is_cut_off() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    let world = world_with(|config| config.gateway.deadlines.head_ms = 500, |_| {}).await;
    let mut stream = tokio::net::TcpStream::connect(world.address).await.unwrap();
    stream.write_all(b"GET /me HTTP/1.1\r\nHost: ").await.unwrap();

    let mut answer = Vec::new();
    let _reset = stream.read_to_end(&mut answer).await; // on a busy machine the head may come after the answer

    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
}

#[actix_web::test]
async fn every_problem_that_is_answered_is_explained_at_its_type() {
    let world = world().await;
    let problem: Value = refused(world.get("/nowhere"), 404, "not_found").await;

    let page = world.get(problem["type"].as_str().unwrap()).send().await.unwrap();

    assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
    let text = page.text().await.unwrap();
    assert!(["Cause", "Mend", "not_found"].iter().all(|part| text.contains(part)), "{text}");
    refused(world.get("/docs/problems/unheard_of"), 404, "not_found").await;
}
