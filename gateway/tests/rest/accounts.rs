//! Every account and session route, once as it should go and once as it should fail.

use portico_kernel::UserId;
use portico_session::SessionId;
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};

use crate::world::{PASSWORD, fields, new_user, refused, world, world_with};

fn cookie(answer: &Response, name: &str) -> Option<String> {
    let mut cookies = answer.headers().get_all("set-cookie").iter().map(|value| value.to_str().unwrap().to_owned());
    cookies.find(|cookie| cookie.split('=').next() == Some(name))
}

#[actix_web::test]
async fn registering_opens_an_account_and_signs_in_by_cookie() {
    let world = world().await;

    let answer = world.post("/reg", &new_user("bob@example.com")).send().await.unwrap();

    assert_eq!(answer.status(), StatusCode::CREATED);
    assert_eq!(answer.headers()["location"], "/me");
    assert_eq!(answer.headers()["content-type"], "application/json");
    assert!(cookie(&answer, "session").is_some());
    let body: Value = answer.json().await.unwrap();
    assert_eq!(body["user"]["email"], "bob@example.com");
    assert_eq!(body["session"]["current"], true);
    assert_eq!(body["session"]["created_at"], "2026-01-02T03:04:05Z");
    assert!(body.get("token").is_none());
}

#[actix_web::test]
async fn a_client_that_asks_for_bearer_gets_a_token_and_no_cookie() {
    let world = world().await;

    let answer = world.post("/reg?transport=bearer", &new_user("bob@example.com")).send().await.unwrap();

    assert!(answer.headers().get("set-cookie").is_none());
    let token = answer.json::<Value>().await.unwrap()["token"].as_str().unwrap().to_owned();
    let me = world.get("/me").bearer_auth(token).send().await.unwrap();
    assert_eq!(me.status(), StatusCode::OK);
}

#[actix_web::test]
async fn a_taken_address_is_the_clients_conflict() {
    let world = world().await;

    refused(world.post("/reg", &new_user("taken@example.com")), 409, "email_taken").await;
}

#[actix_web::test]
async fn every_broken_field_of_a_registration_is_named() {
    let world = world().await;
    let body = json!({ "name": "a\u{7}b", "email": "nobody", "password": "" });

    let problem = refused(world.post("/reg", &body), 422, "invalid_field").await;

    assert_eq!(fields(&problem), [("name", "forbidden_character"), ("email", "malformed"), ("password", "empty")]);
}

#[actix_web::test]
async fn a_weak_password_is_named_by_its_rule() {
    let world = world().await;

    let problem = refused(world.post("/reg", &new_user("weak@example.com")), 422, "invalid_field").await;

    assert_eq!(fields(&problem), [("password", "too_common")]);
}

#[actix_web::test]
async fn the_idempotency_fingerprint_speaks_of_name_and_address_only() {
    let world = world().await;
    let register = |name: &str, email: &str, password: &str| {
        let body = json!({ "name": name, "email": email, "password": password });
        world.post("/reg", &body).header("Idempotency-Key", "key-1").send()
    };

    register("Bob", "bob@example.com", "first password").await.unwrap();
    register("Bob", "BOB@example.com", "second password").await.unwrap();
    register("Rob", "bob@example.com", "first password").await.unwrap();

    let seen = world.seen.idempotency.lock().unwrap();
    assert_eq!(seen[0].key.as_str(), "key-1");
    assert!(seen[0].fingerprint == seen[1].fingerprint, "the password counts, or the address's case");
    assert!(seen[0].fingerprint != seen[2].fingerprint, "the name does not count");
}

#[actix_web::test]
async fn a_malformed_idempotency_key_is_refused() {
    let world = world().await;

    let request = world.post("/reg", &new_user("bob@example.com")).header("Idempotency-Key", "two words");

    let problem = refused(request, 400, "malformed_request").await;
    assert_eq!(fields(&problem), [("Idempotency-Key", "malformed")]);
}

#[actix_web::test]
async fn signing_in_answers_user_and_session() {
    let world = world().await;
    let body = json!({ "email": "ANN@example.com", "password": PASSWORD });

    let answer = world.post("/auth", &body).send().await.unwrap();

    assert_eq!(answer.status(), StatusCode::OK);
    assert!(answer.headers().get("location").is_none());
    assert_eq!(answer.json::<Value>().await.unwrap()["user"]["email"], "ann@example.com");
}

#[actix_web::test]
async fn unknown_address_and_wrong_password_are_the_same_answer() {
    let world = world().await;
    let attempt = |email, password| world.post("/auth", &json!({ "email": email, "password": password }));

    let mut unknown = refused(attempt("nobody@example.com", PASSWORD), 401, "bad_credentials").await;
    let mut wrong = refused(attempt("ann@example.com", "wrong password"), 401, "bad_credentials").await;

    unknown["trace_id"].take();
    wrong["trace_id"].take();
    assert_eq!(unknown, wrong);
}

#[actix_web::test]
async fn over_http_the_cookie_is_plain_and_guarded() {
    let world = world().await;

    let answer = world.post("/reg", &new_user("bob@example.com")).send().await.unwrap();

    let cookie = cookie(&answer, "session").unwrap();
    assert!(cookie.ends_with("; HttpOnly; SameSite=Lax; Path=/; Max-Age=2592000"), "{cookie}");
}

#[actix_web::test]
async fn over_https_the_cookie_is_bound_to_the_host() {
    let world = world_with(|config| config.gateway.public_url = "https://accounts.example.org".into(), |_| {}).await;

    let answer = world.post("/reg", &new_user("bob@example.com")).send().await.unwrap();

    let cookie = cookie(&answer, "__Host-session").unwrap();
    assert!(cookie.ends_with("; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=2592000"), "{cookie}");
    assert!(!cookie.contains("Domain"));
    assert!(answer.headers()["strict-transport-security"].to_str().unwrap().starts_with("max-age="));
}

#[actix_web::test]
async fn a_cookie_opens_its_session() {
    let world = world().await;

    let answer = world.get("/me").header("cookie", format!("session={}", world.token())).send().await.unwrap();

    assert_eq!(answer.status(), StatusCode::OK);
}

#[actix_web::test]
async fn without_a_session_nobody_is_signed_in() {
    let world = world().await;
    let routes = [
        (Method::GET, "/me"),
        (Method::GET, "/me/sessions"),
        (Method::GET, "/session/verify"),
        (Method::GET, "/users/id/0197f000-0000-7000-8000-000000000000"),
        (Method::DELETE, "/logout"),
        (Method::DELETE, "/delete"),
        (Method::DELETE, "/me/sessions"),
        (Method::DELETE, "/me/sessions/0197f000-0000-7000-8000-000000000000"),
        (Method::PATCH, "/me/update"),
    ];

    for (method, path) in routes {
        let answer = world.request(method.clone(), path).send().await.unwrap();
        assert_eq!(answer.headers()["www-authenticate"], r#"Bearer realm="portico""#, "{method} {path}");
        refused(world.request(method, path), 401, "session_missing").await;
    }
}

#[actix_web::test]
async fn a_dead_token_is_told_so() {
    let world = world().await;
    for token in ["AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "nonsense"] {
        let answer = world.get("/me").bearer_auth(token).send().await.unwrap();
        assert_eq!(answer.headers()["www-authenticate"], r#"Bearer realm="portico", error="invalid_token""#);
        refused(world.get("/me").header("cookie", format!("session={token}")), 401, "session_dead").await;
    }
}

#[actix_web::test]
async fn cookie_and_bearer_token_at_once_are_ambiguous() {
    let world = world().await;
    let token = world.token();

    let request = world.get("/me").bearer_auth(&token).header("cookie", format!("session={token}"));

    refused(request, 400, "ambiguous_credentials").await;
}

#[actix_web::test]
async fn whoever_signs_in_carries_no_two_sets_of_credentials_either() {
    let world = world().await;
    let token = world.token();
    let credentials = json!({ "email": "ann@example.com", "password": PASSWORD });

    for request in [world.post("/auth", &credentials), world.post("/reg", &new_user("bob@example.com"))] {
        let request = request.bearer_auth(&token).header("cookie", format!("session={token}"));

        refused(request, 400, "ambiguous_credentials").await;
    }
}

#[actix_web::test]
async fn authentication_comes_before_the_body() {
    let world = world().await;

    let request = world.request(Method::DELETE, "/delete").header("content-type", "text/plain").body("not json");

    refused(request, 401, "session_missing").await;
}

#[actix_web::test]
async fn me_is_the_user_with_its_latest_photos() {
    let world = world().await;

    let me: Value = world.as_ann(Method::GET, "/me").send().await.unwrap().json().await.unwrap();

    assert_eq!((&me["email"], &me["photo_count"]), (&json!("ann@example.com"), &json!(12)));
    let photo = &me["photos"][0];
    assert_eq!(photo["content_url"], format!("/me/photos/{}/content", photo["id"].as_str().unwrap()));
}

#[actix_web::test]
async fn a_public_profile_never_shows_the_address() {
    let world = world().await;
    let path = format!("/users/id/{}", world.seen.ann.id);

    let profile: Value = world.as_ann(Method::GET, &path).send().await.unwrap().json().await.unwrap();

    let names: Vec<_> = profile.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, ["created_at", "id", "name", "photo_count"]);
}

#[actix_web::test]
async fn an_unknown_user_and_a_text_that_is_no_id_are_not_found() {
    let world = world().await;
    for id in [UserId::new().to_string(), "ann".into(), "..%2f..".into(), "0".into()] {
        refused(world.as_ann(Method::GET, &format!("/users/id/{id}")), 404, "user_unknown").await;
    }
}

#[actix_web::test]
async fn a_new_name_answers_the_user() {
    let world = world().await;

    let request = world.as_ann(Method::PATCH, "/me/update").json(&json!({ "name": "Ann Other" }));

    let body: Value = request.send().await.unwrap().json().await.unwrap();
    assert_eq!(body["name"], "Ann Other");
}

#[actix_web::test]
async fn a_new_password_rotates_the_session_by_the_transport_of_the_request() {
    let world = world().await;
    let body = json!({ "new_password": "another password", "current_password": PASSWORD });

    let by_token = world.as_ann(Method::PATCH, "/me/update").json(&body).send().await.unwrap();
    let session = format!("session={}", world.token());
    let by_cookie = world.request(Method::PATCH, "/me/update").json(&body).header("cookie", session);
    let by_cookie = by_cookie.send().await.unwrap();

    assert!(by_token.headers().get("set-cookie").is_none());
    assert!(by_token.json::<Value>().await.unwrap()["token"].is_string());
    assert!(cookie(&by_cookie, "session").is_some());
    assert!(by_cookie.json::<Value>().await.unwrap().get("token").is_none());
}

#[actix_web::test]
async fn a_new_address_needs_the_current_password() {
    let world = world().await;
    let update = |body: Value| world.as_ann(Method::PATCH, "/me/update").json(&body);

    let missing = refused(update(json!({ "email": "new@example.com" })), 422, "invalid_field").await;
    let wrong = json!({ "email": "new@example.com", "current_password": "wrong" });

    assert_eq!(fields(&missing), [("current_password", "required")]);
    refused(update(wrong), 401, "wrong_password").await;
}

#[actix_web::test]
async fn a_change_to_null_is_refused() {
    let world = world().await;

    let request = world.as_ann(Method::PATCH, "/me/update").json(&json!({ "name": null, "email": 7 }));

    let problem = refused(request, 422, "invalid_field").await;
    assert_eq!(fields(&problem), [("email", "wrong_type"), ("name", "wrong_type")]);
}

#[actix_web::test]
async fn deleting_the_account_needs_the_password_and_clears_the_cookie() {
    let world = world().await;
    let delete = |password: &str| world.as_ann(Method::DELETE, "/delete").json(&json!({ "password": password }));

    refused(delete("wrong"), 401, "wrong_password").await;
    let answer = delete(PASSWORD).send().await.unwrap();

    assert_eq!(answer.status(), StatusCode::NO_CONTENT);
    let cleared = cookie(&answer, "session").unwrap();
    assert!(cleared.starts_with("session=;") && cleared.contains("Max-Age=0"), "{cleared}");
}

#[actix_web::test]
async fn signing_out_ends_the_current_session_and_clears_the_cookie() {
    let world = world().await;
    let opened = world.seen.open();

    let request =
        world.request(Method::DELETE, "/logout").header("cookie", format!("session={}", opened.token.expose()));
    let answer = request.send().await.unwrap();

    assert_eq!(answer.status(), StatusCode::NO_CONTENT);
    assert!(cookie(&answer, "session").unwrap().contains("Max-Age=0"));
    assert_eq!(world.seen.deleted.lock().unwrap()[0].session, opened.session.id);
}

#[actix_web::test]
async fn the_list_of_sessions_marks_the_current_one() {
    let world = world().await;
    let (current, other) = (world.seen.open(), world.seen.open());

    let answer = world.get("/me/sessions").bearer_auth(current.token.expose()).send().await.unwrap();

    let all: Vec<Value> = answer.json().await.unwrap();
    let is_current = |id: SessionId| &all.iter().find(|session| session["id"] == id.to_string()).unwrap()["current"];
    assert_eq!((is_current(current.session.id), is_current(other.session.id)), (&json!(true), &json!(false)));
}

#[actix_web::test]
async fn one_session_or_all_others_can_be_ended() {
    let world = world().await;
    let other = world.seen.open().session.id;

    let one = world.as_ann(Method::DELETE, &format!("/me/sessions/{other}")).send().await.unwrap();
    let others = world.as_ann(Method::DELETE, "/me/sessions").send().await.unwrap();

    assert_eq!((one.status(), others.status()), (StatusCode::NO_CONTENT, StatusCode::NO_CONTENT));
    let unknown = format!("/me/sessions/{}", SessionId::new());
    refused(world.as_ann(Method::DELETE, &unknown), 404, "session_unknown").await;
}

#[actix_web::test]
async fn forward_authentication_names_user_and_session() {
    let world = world().await;
    let opened = world.seen.open();

    let answer = world.get("/session/verify").bearer_auth(opened.token.expose()).send().await.unwrap();

    assert_eq!(answer.status(), StatusCode::NO_CONTENT);
    assert_eq!(answer.headers()["x-user-id"], world.seen.ann.id.to_string());
    assert_eq!(answer.headers()["x-session-id"], opened.session.id.to_string());
}
