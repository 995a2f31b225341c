//! What happens around every request: identity, headers, cross-site checks, deadlines, panics.

use std::sync::atomic::Ordering;

use reqwest::{Method, StatusCode};

use crate::world::{World, new_user, problem, refused, world, world_with};

const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

#[actix_web::test]
async fn a_request_goes_on_with_its_callers_trace() {
    let world = world().await;

    let answer = world.get("/me").header("traceparent", TRACEPARENT).send().await.unwrap();

    let traceparent = answer.headers()["traceparent"].to_str().unwrap();
    assert!(traceparent.starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-"));
    assert!(!traceparent.contains("00f067aa0ba902b7"), "the gateway's span is its own");
    assert_eq!(problem(answer).await["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");
}

#[actix_web::test]
async fn a_request_without_a_good_trace_begins_one() {
    let world = world().await;
    for traceparent in ["", "nonsense", "00-00000000000000000000000000000000-00f067aa0ba902b7-01"] {
        let answer = world.get("/me").header("traceparent", traceparent).send().await.unwrap();
        assert_eq!(answer.headers()["traceparent"].len(), TRACEPARENT.len());
    }
}

#[actix_web::test]
async fn every_answer_has_an_id_of_its_own() {
    let world = world().await;
    let id = |answer: &reqwest::Response| answer.headers()["x-request-id"].clone();

    let first = world.get("/me").send().await.unwrap();
    let second = world.get("/nowhere").header("x-request-id", "mine").send().await.unwrap();

    assert_ne!(id(&first), id(&second));
    assert_ne!(id(&second), "mine");
}

#[actix_web::test]
async fn every_answer_carries_the_security_headers() {
    let world = world().await;
    for path in ["/me", "/nowhere", "/docs", "/docs/problems", "/docs/problems/not_found"] {
        let answer = world.get(path).send().await.unwrap();
        let headers = answer.headers();
        assert_eq!(headers["x-content-type-options"], "nosniff", "{path}");
        let policy = headers["content-security-policy"].to_str().unwrap();
        for directive in ["default-src 'none'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"] {
            assert!(policy.split("; ").any(|own| own == directive), "{path}: {policy}");
        }
        assert_eq!(headers["referrer-policy"], "no-referrer", "{path}");
        assert_eq!(headers["x-frame-options"], "DENY", "{path}");
        assert_eq!(headers["cross-origin-resource-policy"], "same-origin", "{path}");
        assert!(headers.get("strict-transport-security").is_none(), "{path}: over http it means nothing");
    }
}

#[actix_web::test]
async fn answers_about_an_account_are_never_stored_or_compressed() {
    let world = world().await;

    let answer = world.as_ann(Method::GET, "/me").header("accept-encoding", "gzip").send().await.unwrap();

    assert_eq!(answer.headers()["cache-control"], "no-store");
    assert!(answer.headers().get("content-encoding").is_none());
}

#[actix_web::test]
async fn head_is_get_without_the_body() {
    let world = world().await;

    let get = world.as_ann(Method::GET, "/me").send().await.unwrap();
    let head = world.as_ann(Method::HEAD, "/me").send().await.unwrap();

    assert_eq!((head.status(), get.status()), (StatusCode::OK, StatusCode::OK));
    assert_eq!(head.headers()["content-length"], get.headers()["content-length"]);
    assert!(head.bytes().await.unwrap().is_empty());
}

#[actix_web::test]
async fn options_lists_the_methods() {
    let world = world().await;

    let answer = world.request(Method::OPTIONS, "/me/sessions").send().await.unwrap();

    assert_eq!(answer.status(), StatusCode::NO_CONTENT);
    assert_eq!(answer.headers()["allow"], "GET, DELETE, HEAD, OPTIONS");
}

/// Whether a registration and a sign-out by cookie pass with these headers.
async fn passes(world: &World, headers: &[(&str, &str)]) -> (bool, bool) {
    let mut register = world.post("/reg", &new_user("bob@example.com"));
    let mut sign_out = world.request(Method::DELETE, "/logout").header("cookie", format!("session={}", world.token()));
    for (name, value) in headers {
        register = register.header(*name, *value);
        sign_out = sign_out.header(*name, *value);
    }
    let is_forbidden = |status| status == StatusCode::FORBIDDEN;
    (!is_forbidden(register.send().await.unwrap().status()), !is_forbidden(sign_out.send().await.unwrap().status()))
}

#[actix_web::test]
async fn a_browser_changes_nothing_on_behalf_of_another_site() {
    let world =
        world_with(|config| config.gateway.cors.allowed_origins = vec!["https://app.example.org".into()], |_| {}).await;
    let own = "http://127.0.0.1:8080";
    let matrix: [(&[(&str, &str)], bool); 15] = [
        (&[], true),
        (&[("origin", own)], true),
        (&[("origin", own), ("sec-fetch-site", "same-origin")], true),
        (&[("origin", own), ("sec-fetch-site", "cross-site")], false),
        (&[("origin", own), ("sec-fetch-site", "same-site")], false),
        (&[("origin", "https://app.example.org"), ("sec-fetch-site", "cross-site")], true),
        (&[("sec-fetch-site", "same-origin")], true),
        (&[("sec-fetch-site", "none")], true),
        (&[("sec-fetch-site", "cross-site")], false),
        (&[("sec-fetch-site", "same-site")], false),
        (&[("origin", "https://evil.example")], false),
        (&[("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")], false),
        (&[("origin", "null")], false),
        (&[("origin", "http://127.0.0.1:8081")], false),
        (&[("origin", "http://127.0.0.1:8080.evil.example")], false),
    ];
    for (headers, expected) in matrix {
        assert_eq!(passes(&world, headers).await, (expected, expected), "{headers:?}");
    }
}

#[actix_web::test]
async fn the_host_header_does_not_decide_the_origin() {
    let world = world().await;

    let headers = [("host", "evil.example"), ("origin", "http://evil.example"), ("sec-fetch-site", "same-origin")];

    assert_eq!(passes(&world, &headers).await, (false, false));
}

#[actix_web::test]
async fn a_bearer_client_is_bound_to_no_origin() {
    let world = world().await;

    let request = world.as_ann(Method::DELETE, "/me/sessions").header("origin", "https://elsewhere.example");

    assert_eq!(request.send().await.unwrap().status(), StatusCode::NO_CONTENT);
}

#[actix_web::test]
async fn a_cross_site_request_is_a_problem() {
    let world = world().await;

    let request = world.post("/auth", &new_user("bob@example.com")).header("origin", "https://evil.example");

    refused(request, 403, "cross_site").await;
}

#[actix_web::test]
async fn reading_across_sites_is_the_browsers_to_refuse() {
    let world = world().await;

    let request = world.as_ann(Method::GET, "/me").header("origin", "https://elsewhere.example");
    let answer = request.send().await.unwrap();

    assert_eq!(answer.status(), StatusCode::OK);
    assert!(answer.headers().get("access-control-allow-origin").is_none());
}

#[actix_web::test]
async fn a_configured_origin_may_call_with_credentials() {
    let world =
        world_with(|config| config.gateway.cors.allowed_origins = vec!["https://app.example.org".into()], |_| {}).await;
    let preflight = |origin: &str| {
        let request = world.request(Method::OPTIONS, "/auth").header("origin", origin);
        request.header("access-control-request-method", "POST").header("access-control-request-headers", "content-type")
    };

    let allowed = preflight("https://app.example.org").send().await.unwrap();
    let refused = preflight("https://evil.example").send().await.unwrap();

    assert_eq!(allowed.headers()["access-control-allow-origin"], "https://app.example.org");
    assert_eq!(allowed.headers()["access-control-allow-credentials"], "true");
    assert!(refused.headers().get("access-control-allow-origin").is_none());
}

#[actix_web::test]
async fn a_configured_origin_may_use_every_method_and_header_of_the_api_and_no_other() {
    const ORIGIN: &str = "https://app.example.org";
    let world = world_with(|config| config.gateway.cors.allowed_origins = vec![ORIGIN.into()], |_| {}).await;
    let preflight = async |method: &str, header: &str| {
        let request = world.request(Method::OPTIONS, "/me/update").header("origin", ORIGIN);
        let request = request.header("access-control-request-method", method);
        let answer = request.header("access-control-request-headers", header).send().await.unwrap();
        let kept = answer.headers().get("access-control-max-age").cloned();
        (answer.status().is_success(), kept.is_some_and(|seconds| seconds != "0"))
    };

    for method in ["GET", "POST", "PATCH", "DELETE"] {
        assert_eq!(preflight(method, "content-type").await, (true, true), "{method}");
    }
    for header in [
        "content-type",
        "authorization",
        "if-match",
        "if-none-match",
        "range",
        "idempotency-key",
        "traceparent",
        "x-device-token",
    ] {
        assert_eq!(preflight("POST", header).await, (true, true), "{header}");
    }
    assert_eq!(preflight("PUT", "content-type").await, (false, false));
    assert_eq!(preflight("POST", "x-other").await, (false, false));
}

#[actix_web::test]
async fn a_configured_origin_may_read_the_headers_that_clients_need() {
    const ORIGIN: &str = "https://app.example.org";
    let world = world_with(|config| config.gateway.cors.allowed_origins = vec![ORIGIN.into()], |_| {}).await;

    let answer = world.as_ann(Method::GET, "/me").header("origin", ORIGIN).send().await.unwrap();

    let exposed = answer.headers()["access-control-expose-headers"].to_str().unwrap();
    let mut exposed: Vec<_> = exposed.split(',').map(str::trim).collect();
    exposed.sort_unstable();
    let needed = ["etag", "location", "ratelimit", "ratelimit-policy", "retry-after", "x-device-token", "x-request-id"];
    assert_eq!(exposed, needed);
}

#[actix_web::test]
async fn another_sites_preflight_is_a_problem() {
    let world = world().await;

    let preflight = world.request(Method::OPTIONS, "/auth").header("origin", "https://evil.example");

    refused(preflight.header("access-control-request-method", "POST"), 403, "cross_site").await;
}

#[actix_web::test]
async fn an_answer_that_takes_too_long_is_given_up() {
    let world = world_with(|config| config.gateway.deadlines.request_ms = 100, |_| {}).await;

    refused(world.post("/reg", &new_user("late@example.com")), 504, "deadline_exceeded").await;
}

#[actix_web::test]
async fn a_panicking_handler_fails_its_own_request_only() {
    let world = world().await;

    let problem = refused(world.post("/reg", &new_user("panic@example.com")), 500, "internal").await;

    assert!(!problem.to_string().contains("as the test asks"));
    assert_eq!(world.as_ann(Method::GET, "/me").send().await.unwrap().status(), StatusCode::OK);
}

#[actix_web::test]
async fn a_store_that_is_away_tells_nothing_of_itself() {
    let world = world().await;

    let problem = refused(world.post("/reg", &new_user("down@example.com")), 503, "unavailable").await;

    assert!(!problem.to_string().contains("secret of the store"));
}

#[actix_web::test]
async fn an_overloaded_domain_tells_when_to_try_again() {
    let world = world().await;

    let answer = world.post("/reg", &new_user("busy@example.com")).send().await.unwrap();

    assert_eq!(answer.headers()["retry-after"], "1");
    assert_eq!(problem(answer).await["code"], "overloaded");
}

#[actix_web::test]
async fn a_forwarded_address_counts_from_a_trusted_proxy_only() {
    let addresses = |trusted: &[&str], forwarded: &'static str| {
        let trusted: Vec<_> = trusted.iter().map(|network| network.parse().unwrap()).collect();
        async move {
            let world = world_with(|config| config.gateway.trusted_proxies = trusted, |_| {}).await;
            let request = world.post("/reg", &new_user("bob@example.com")).header("x-forwarded-for", forwarded);
            request.send().await.unwrap();
            let clients = world.seen.clients.lock().unwrap();
            clients[0].address.unwrap().to_string()
        }
    };

    assert_eq!(addresses(&[], "203.0.113.9").await, "127.0.0.1");
    assert_eq!(addresses(&["127.0.0.0/8"], "203.0.113.9").await, "203.0.113.9");
    assert_eq!(addresses(&["127.0.0.0/8"], "198.51.100.1, 203.0.113.9").await, "203.0.113.9");
    assert_eq!(addresses(&["127.0.0.0/8", "10.0.0.0/8"], "6.6.6.6, 203.0.113.9, 10.1.2.3").await, "203.0.113.9");
    assert_eq!(addresses(&["127.0.0.0/8"], "6.6.6.6, nonsense").await, "127.0.0.1");
    assert_eq!(addresses(&["127.0.0.0/8"], "2001:db8::1").await, "2001:db8::1");
}

#[actix_web::test]
async fn a_user_agent_is_kept_up_to_its_limit() {
    let world = world().await;

    let request = world.post("/reg", &new_user("bob@example.com")).header("user-agent", "x".repeat(300));
    request.send().await.unwrap();

    assert_eq!(world.seen.clients.lock().unwrap()[0].user_agent.as_ref().unwrap().len(), 256);
}

#[actix_web::test]
async fn exchanges_are_counted_by_template() {
    let world = world().await;
    world.as_ann(Method::GET, &format!("/users/id/{}", world.seen.ann.id)).send().await.unwrap();
    world.get("/nowhere").send().await.unwrap();

    let exchanges = world.seen.exchanges.lock().unwrap();

    assert_eq!(exchanges[0], ("GET".into(), Some("/users/id/{id}".into()), 200));
    assert_eq!(exchanges[1], ("GET".into(), None, 404));
}

#[actix_web::test]
async fn a_draining_gateway_closes_its_connections() {
    let world = world().await;

    world.draining.store(true, Ordering::Relaxed);
    let answer = world.as_ann(Method::GET, "/me").send().await.unwrap();

    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["connection"], "close");
}

#[actix_web::test]
async fn another_applications_broken_cookie_does_not_hide_the_session() {
    let world = world().await;

    let cookies = format!("nonsense; other=%zz; session={}; more", world.token());
    let answer = world.get("/me").header("cookie", cookies).send().await.unwrap();

    assert_eq!(answer.status(), StatusCode::OK);
}
