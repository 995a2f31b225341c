//! Rates and guesses, by a clock that stands still unless a test moves it.

use std::time::Duration;

use portico_config::{Config, Rate};
use portico_gateway::{Asks, FakeTime};
use portico_kernel::Ask;
use portico_user::{Error, Register};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::json;

use crate::world::{PASSWORD, World, new_user, refused, world_at};

const ANN: &str = "ann@example.com";

/// The tests' own proxy tells where a request comes from.
fn proxied(config: &mut Config) {
    config.gateway.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
}

fn rate(burst: u32, per_s: f64) -> Rate {
    Rate { burst, per_s }
}

async fn world(time: &FakeTime, configure: impl FnOnce(&mut Config)) -> World {
    let both = |config: &mut Config| {
        proxied(config);
        configure(config);
    };
    world_at(time, both, |_| {}).await
}

fn from(request: RequestBuilder, address: &str) -> RequestBuilder {
    request.header("x-forwarded-for", address)
}

fn sign_in(world: &World, address: &str, email: &str, password: &str) -> RequestBuilder {
    from(world.post("/auth?transport=bearer", &json!({ "email": email, "password": password })), address)
}

fn header<'a>(answer: &'a Response, name: &str) -> &'a str {
    answer.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

/// Strangers from many addresses exhaust what strangers may guess at Ann's account.
async fn besiege(world: &World) {
    for host in 0..10 {
        refused(sign_in(world, &format!("203.0.113.{host}"), ANN, "guess guess"), 401, "bad_credentials").await;
    }
}

/// Ann signs in; what her device is known by.
async fn device(world: &World) -> String {
    let answer = sign_in(world, "192.0.2.1", ANN, PASSWORD).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    header(&answer, "x-device-token").to_owned()
}

#[actix_web::test]
async fn cross_site_requests_count_and_are_told_what_is_left_as_well() {
    let world = world(&FakeTime::default(), |config| config.gateway.rate_limits.per_address = rate(2, 1.0)).await;
    let forged = || from(world.post("/auth", &json!({})), "192.0.2.1").header("origin", "https://evil.example");

    let first = forged().send().await.unwrap();
    refused(forged(), 403, "cross_site").await;
    let last = forged().send().await.unwrap();

    assert_eq!((first.status().as_u16(), header(&first, "ratelimit")), (403, r#""address";r=1;t=1"#));
    assert_eq!((last.status().as_u16(), header(&last, "retry-after")), (429, "1"));
}

#[actix_web::test]
async fn every_answer_tells_what_is_left_until_nothing_is() {
    let time = FakeTime::default();
    let world = world(&time, |config| config.gateway.rate_limits.per_address = rate(3, 0.5)).await;
    let ask = || from(world.get("/nowhere"), "192.0.2.1");

    let mut limits = Vec::new();
    for _ in 0..3 {
        let answer = ask().send().await.unwrap();
        assert_eq!(header(&answer, "ratelimit-policy"), r#""address";q=3;w=6"#);
        limits.push(header(&answer, "ratelimit").to_owned());
    }
    let limited = ask().send().await.unwrap();

    assert_eq!(limits, [r#""address";r=2;t=2"#, r#""address";r=1;t=4"#, r#""address";r=0;t=6"#]);
    assert_eq!((limited.status().as_u16(), header(&limited, "retry-after")), (429, "2"));
    assert_eq!(header(&limited, "ratelimit"), r#""address";r=0;t=6"#);
    refused(ask(), 429, "rate_limited").await;
    time.advance(Duration::from_secs(2));
    refused(ask(), 404, "not_found").await;
}

#[actix_web::test]
async fn an_address_has_a_budget_of_its_own_and_an_ipv6_network_has_one_together() {
    let time = FakeTime::default();
    let world = world(&time, |config| config.gateway.rate_limits.per_address = rate(1, 0.5)).await;

    for (address, status) in [
        ("192.0.2.1", 404),
        ("192.0.2.1", 429),
        ("192.0.2.2", 404),
        ("2001:db8::1", 404),
        ("2001:db8::ffff:1", 429),
        ("2001:db8:0:1::1", 404),
    ] {
        let answer = from(world.get("/nowhere"), address).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{address}");
    }
}

#[actix_web::test]
async fn an_account_is_limited_wherever_it_asks_from() {
    let time = FakeTime::default();
    let world = world(&time, |config| config.gateway.rate_limits.per_account = rate(2, 0.5)).await;
    let ask = |host: u8| from(world.as_ann(Method::GET, "/me"), &format!("192.0.2.{host}"));

    let first = ask(1).send().await.unwrap();
    ask(2).send().await.unwrap();

    assert_eq!(header(&first, "ratelimit-policy"), r#""address";q=200;w=4, "account";q=2;w=4"#);
    assert_eq!(header(&first, "ratelimit"), r#""address";r=199;t=1, "account";r=1;t=2"#);
    refused(ask(3), 429, "rate_limited").await;
    refused(from(world.get("/me"), "192.0.2.3"), 401, "session_missing").await;
}

#[actix_web::test]
async fn guessing_from_one_address_is_slowed_over_all_accounts() {
    let time = FakeTime::default();
    let world = world(&time, |_| {}).await;
    let guess = |n: u32| sign_in(&world, "203.0.113.1", &format!("user{n}@example.com"), "guess guess");

    for n in 0..20 {
        refused(guess(n), 401, "bad_credentials").await;
    }

    let limited = guess(20).send().await.unwrap();
    assert_eq!((limited.status().as_u16(), header(&limited, "retry-after")), (429, "20"));
    assert_eq!(header(&limited, "ratelimit-policy"), r#""address";q=200;w=4, "sign_in_address";q=20;w=400"#);
    assert!(header(&limited, "ratelimit").ends_with(r#", "sign_in_address";r=0;t=400"#), "{limited:?}");
    assert_eq!(sign_in(&world, "192.0.2.1", ANN, PASSWORD).send().await.unwrap().status(), 200);
    time.advance(Duration::from_secs(20));
    refused(guess(21), 401, "bad_credentials").await;
    refused(guess(22), 429, "rate_limited").await;
}

#[actix_web::test]
async fn guessing_from_many_addresses_is_slowed_and_never_locks_the_owner_out() {
    let time = FakeTime::default();
    let world = world(&time, |_| {}).await;
    let device = device(&world).await;

    besiege(&world).await;

    refused(sign_in(&world, "203.0.113.200", ANN, "guess guess"), 429, "rate_limited").await;
    refused(sign_in(&world, "203.0.113.200", ANN, PASSWORD), 429, "rate_limited").await;
    refused(sign_in(&world, "203.0.113.200", "ANN@EXAMPLE.COM", PASSWORD), 429, "rate_limited").await;
    let owner = sign_in(&world, "203.0.113.1", ANN, PASSWORD).header("x-device-token", device).send().await.unwrap();
    assert_eq!(owner.status(), 200);
    refused(sign_in(&world, "203.0.113.200", ANN, PASSWORD), 429, "rate_limited").await;
}

#[actix_web::test]
async fn a_browsers_device_cookie_counts_like_the_header() {
    let time = FakeTime::default();
    let world = world(&time, |_| {}).await;
    let device = device(&world).await;

    besiege(&world).await;

    let body = json!({ "email": ANN, "password": PASSWORD });
    let answer = world.post("/auth", &body).header("cookie", format!("device={device}")).send().await.unwrap();
    assert_eq!(answer.status(), 200);
}

#[actix_web::test]
async fn a_device_token_that_is_forged_or_of_another_account_counts_as_none() {
    let time = FakeTime::default();
    let world = world(&time, |_| {}).await;
    let mut damaged = device(&world).await;
    damaged.replace_range(0..1, if damaged.starts_with('A') { "B" } else { "A" });
    let answer = world.post("/reg?transport=bearer", &new_user("bob@example.com")).send().await.unwrap();
    let bobs = header(&answer, "x-device-token").to_owned();

    besiege(&world).await;

    for token in [damaged, bobs, String::new(), "A".repeat(64), "A".repeat(10_000)] {
        let attempt = sign_in(&world, "192.0.2.1", ANN, PASSWORD).header("x-device-token", &token);
        refused(attempt, 429, "rate_limited").await;
    }
}

#[actix_web::test]
async fn a_known_device_may_not_guess_without_end_either() {
    let time = FakeTime::default();
    let world = world(&time, |_| {}).await;
    let (device, other) = (device(&world).await, device(&world).await);
    let attempt =
        |password: &str, device: &str| sign_in(&world, "192.0.2.1", ANN, password).header("x-device-token", device);

    for _ in 0..10 {
        refused(attempt("guess guess", &device), 401, "bad_credentials").await;
    }

    refused(attempt(PASSWORD, &device), 429, "rate_limited").await;
    assert_eq!(attempt(PASSWORD, &other).send().await.unwrap().status(), 200);
}

#[actix_web::test]
async fn a_device_that_signs_in_again_stays_the_same_device() {
    let time = FakeTime::default();
    let world = world(&time, |_| {}).await;
    let first = device(&world).await;
    let attempt =
        |password: &str, device: &str| sign_in(&world, "192.0.2.1", ANN, password).header("x-device-token", device);

    time.advance(Duration::from_secs(1));
    let again = attempt(PASSWORD, &first).send().await.unwrap();
    let again = header(&again, "x-device-token").to_owned();
    for _ in 0..10 {
        refused(attempt("guess guess", &first), 401, "bad_credentials").await;
    }

    assert_ne!(first, again, "its year begins anew");
    refused(attempt(PASSWORD, &again), 429, "rate_limited").await;
}

#[actix_web::test]
async fn collected_devices_guess_no_more_than_ten_of_them_may() {
    let time = FakeTime::default();
    let world = world(&time, |_| {}).await;
    let mut devices = Vec::new();
    for _ in 0..15 {
        devices.push(device(&world).await);
    }
    let attempt =
        |password: &str, device: &str| sign_in(&world, "203.0.113.1", ANN, password).header("x-device-token", device);

    let mut wrong = 0;
    for device in devices.iter().flat_map(|device| std::iter::repeat_n(device, 10)) {
        wrong += usize::from(attempt("guess guess", device).send().await.unwrap().status() == 401);
    }

    assert_eq!(wrong, 100);
    refused(attempt(PASSWORD, &devices[14]), 429, "rate_limited").await;
    let confirm = json!({ "password": PASSWORD });
    assert_eq!(world.as_ann(Method::DELETE, "/delete").json(&confirm).send().await.unwrap().status(), 204);
    assert_eq!(sign_in(&world, "192.0.2.1", ANN, PASSWORD).send().await.unwrap().status(), 200);
    time.advance(Duration::from_secs(5));
    assert_eq!(attempt(PASSWORD, &devices[14]).send().await.unwrap().status(), 200);
    refused(attempt("guess guess", &devices[14]), 401, "bad_credentials").await;
    refused(attempt("guess guess", &devices[13]), 429, "rate_limited").await;
}

#[actix_web::test]
async fn a_device_is_known_for_a_year_after_its_last_sign_in() {
    const DAY: Duration = Duration::from_hours(24);
    let time = FakeTime::default();
    let world = world(&time, |_| {}).await;
    let first = device(&world).await;
    let attempt = |device: &str| sign_in(&world, "192.0.2.1", ANN, PASSWORD).header("x-device-token", device);

    time.advance(DAY * 364);
    besiege(&world).await;
    let renewed = attempt(&first).send().await.unwrap();
    let renewed = header(&renewed, "x-device-token").to_owned();
    time.advance(DAY * 2);
    besiege(&world).await;

    refused(attempt(&first), 429, "rate_limited").await;
    assert_eq!(attempt(&renewed).send().await.unwrap().status(), 200);
}

#[actix_web::test]
async fn whether_the_account_exists_changes_nothing_of_the_limit() {
    let time = FakeTime::default();
    let world = world(&time, |_| {}).await;
    let mut answers = Vec::new();

    for email in [ANN, "nobody@example.com"] {
        let mut seen = Vec::new();
        for host in 0..12 {
            let answer = sign_in(&world, &format!("203.0.113.{host}"), email, "guess guess").send().await.unwrap();
            seen.push((answer.status().as_u16(), header(&answer, "retry-after").to_owned()));
        }
        answers.push(seen);
    }

    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0][9..], [(401, String::new()), (429, "50".to_owned()), (429, "50".to_owned())]);
}

#[actix_web::test]
async fn a_success_forgives_nobody_elses_failures() {
    let time = FakeTime::default();
    let world = world(&time, |_| {}).await;

    for host in 0..9 {
        refused(sign_in(&world, &format!("203.0.113.{host}"), ANN, "guess guess"), 401, "bad_credentials").await;
    }
    for _ in 0..3 {
        assert_eq!(sign_in(&world, "192.0.2.1", ANN, PASSWORD).send().await.unwrap().status(), 200);
    }

    refused(sign_in(&world, "203.0.113.9", ANN, "guess guess"), 401, "bad_credentials").await;
    refused(sign_in(&world, "203.0.113.10", ANN, "guess guess"), 429, "rate_limited").await;
}

#[actix_web::test]
async fn a_stolen_session_guesses_no_password_and_does_not_lock_the_owners_other_sessions() {
    let time = FakeTime::default();
    let world = world(&time, |_| {}).await;
    let stolen = world.token();
    let delete = |token: &str, password: &str| {
        world.request(Method::DELETE, "/delete").bearer_auth(token).json(&json!({ "password": password }))
    };

    for _ in 0..10 {
        refused(delete(&stolen, "guess guess"), 401, "wrong_password").await;
    }

    refused(delete(&stolen, PASSWORD), 429, "rate_limited").await;
    let change = json!({ "new_password": "another good password", "current_password": PASSWORD });
    refused(world.request(Method::PATCH, "/me/update").bearer_auth(&stolen).json(&change), 429, "rate_limited").await;
    assert_eq!(delete(&world.token(), PASSWORD).send().await.unwrap().status(), 204);
}

#[actix_web::test]
async fn an_address_opens_accounts_and_tries_taken_ones_at_a_bounded_rate() {
    let time = FakeTime::default();
    let world = world(&time, |config| config.gateway.rate_limits.registrations_per_address = rate(2, 0.1)).await;
    let register = |address: &str, email: &str| from(world.post("/reg", &new_user(email)), address);

    assert_eq!(register("192.0.2.1", "bob@example.com").send().await.unwrap().status(), 201);
    refused(register("192.0.2.1", "taken@example.com"), 409, "email_taken").await;

    let limited = register("192.0.2.1", "carl@example.com").send().await.unwrap();
    assert_eq!((limited.status().as_u16(), header(&limited, "retry-after")), (429, "10"));
    assert!(header(&limited, "ratelimit-policy").ends_with(r#", "registration";q=2;w=20"#), "{limited:?}");
    assert!(header(&limited, "ratelimit").ends_with(r#", "registration";r=0;t=20"#), "{limited:?}");
    assert_eq!(register("192.0.2.2", "carl@example.com").send().await.unwrap().status(), 201);
}

#[actix_web::test]
async fn a_body_that_is_refused_spends_no_registration() {
    let time = FakeTime::default();
    let world = world(&time, |config| config.gateway.rate_limits.registrations_per_address = rate(1, 0.1)).await;
    let weak = new_user("weak@example.com");

    for _ in 0..3 {
        refused(world.post("/reg", &json!({ "name": "Bob" })), 422, "invalid_field").await;
        refused(world.post_bytes("/reg", "{"), 400, "malformed_json").await;
        refused(world.post("/reg", &weak), 422, "invalid_field").await;
        refused(
            world.post("/reg", &new_user("bob@example.com")).header("Idempotency-Key", "two words"),
            400,
            "malformed_request",
        )
        .await;
    }

    assert_eq!(world.post("/reg", &new_user("bob@example.com")).send().await.unwrap().status(), 201);
    refused(world.post("/reg", &new_user("carl@example.com")), 429, "rate_limited").await;
}

#[actix_web::test]
async fn failed_sign_ins_of_an_address_refuse_it_no_new_account() {
    let time = FakeTime::default();
    let world = world(&time, |_| {}).await;
    for n in 0..20 {
        refused(sign_in(&world, "203.0.113.1", &format!("user{n}@example.com"), "guess guess"), 401, "bad_credentials")
            .await;
    }
    refused(sign_in(&world, "203.0.113.1", ANN, PASSWORD), 429, "rate_limited").await;
    let register = |email: &str| from(world.post("/reg", &new_user(email)), "203.0.113.1");

    let plain = register("bob@example.com").send().await.unwrap();
    let repeatable = register("carl@example.com").header("Idempotency-Key", "key-1").send().await.unwrap();

    assert_eq!((plain.status().as_u16(), repeatable.status().as_u16()), (201, 201));
}

#[actix_web::test]
async fn a_repeated_registration_is_no_way_round_the_budget_of_its_account() {
    let wrong = |asks: &mut Asks| asks.register = Ask::from_fn(|_: Register| async { Err(Error::BadCredentials) });
    let world = world_at(&FakeTime::default(), proxied, wrong).await;
    let repeat = |host: u8| {
        let request = world.post("/reg", &new_user(ANN)).header("Idempotency-Key", "key-1");
        from(request, &format!("203.0.113.{host}"))
    };

    for host in 0..10 {
        refused(repeat(host), 401, "bad_credentials").await;
    }

    let limited = repeat(10).send().await.unwrap();
    assert_eq!(limited.status(), 429);
    assert!(header(&limited, "ratelimit").ends_with(r#""sign_in_account";r=0;t=500"#), "{limited:?}");
    refused(sign_in(&world, "203.0.113.200", ANN, PASSWORD), 429, "rate_limited").await;
}
