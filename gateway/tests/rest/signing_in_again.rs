//! A sign-in in a browser that is signed in already: the new session takes the old one's place (ASVS 5.0, 7.2.4).

use std::{future::pending, time::Duration};

use portico_config::Config;
use portico_gateway::Asks;
use portico_kernel::{Ask, AskError};
use portico_session::{Delete, Validate};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};

use crate::world::{PASSWORD, World, new_user, refused, world, world_with};

/// How a client that holds the session `token` signs in as Ann.
fn sign_in(world: &World, path: &str, password: &str, token: &str) -> RequestBuilder {
    let body = json!({ "email": "ann@example.com", "password": password });
    world.post(path, &body).header("cookie", format!("session={token}"))
}

fn me(world: &World, token: &str) -> RequestBuilder {
    world.get("/me").header("cookie", format!("session={token}"))
}

/// The token in the session cookie that an answer sets.
fn session_of(answer: &Response) -> String {
    let mut cookies = answer.headers().get_all("set-cookie").iter().map(|cookie| cookie.to_str().unwrap());
    let value = cookies.find_map(|cookie| cookie.strip_prefix("session=")).unwrap();
    value.split(';').next().unwrap().to_owned()
}

#[actix_web::test]
async fn signing_in_again_ends_the_session_whose_cookie_came_with_it() {
    let world = world().await;
    let old = world.token();

    let answer = sign_in(&world, "/auth", PASSWORD, &old).send().await.unwrap();

    assert_eq!(answer.status(), 200);
    let new = session_of(&answer);
    refused(me(&world, &old), 401, "session_dead").await;
    let list = world.get("/me/sessions").header("cookie", format!("session={new}")).send().await.unwrap();
    let list: Vec<Value> = list.json().await.unwrap();
    assert_eq!(list.iter().map(|session| &session["current"]).collect::<Vec<_>>(), [&json!(true)]);
}

#[actix_web::test]
async fn opening_another_account_ends_the_session_whose_cookie_came_with_it() {
    let world = world().await;
    let old = world.token();

    let register = world.post("/reg", &new_user("bob@example.com")).header("cookie", format!("session={old}"));
    let answer = register.send().await.unwrap();

    assert_eq!(answer.status(), 201);
    refused(me(&world, &old), 401, "session_dead").await;
    assert_eq!(me(&world, &session_of(&answer)).send().await.unwrap().status(), 200);
}

#[actix_web::test]
async fn a_token_in_the_body_takes_no_cookies_place() {
    let world = world().await;
    let old = world.token();

    let answer = sign_in(&world, "/auth?transport=bearer", PASSWORD, &old).send().await.unwrap();

    assert_eq!(answer.status(), 200);
    assert_eq!(me(&world, &old).send().await.unwrap().status(), 200);
}

#[actix_web::test]
async fn a_refused_sign_in_ends_nothing() {
    let world = world().await;
    let old = world.token();

    refused(sign_in(&world, "/auth", "guess guess", &old), 401, "bad_credentials").await;

    assert_eq!(me(&world, &old).send().await.unwrap().status(), 200);
}

#[actix_web::test]
async fn a_sign_in_succeeds_although_the_old_session_is_dead_already() {
    let world = world().await;
    for old in ["AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "nonsense", ""] {
        let answer = sign_in(&world, "/auth", PASSWORD, old).send().await.unwrap();

        assert_eq!(answer.status(), 200, "{old}");
    }
}

#[actix_web::test]
async fn a_sign_in_succeeds_although_the_old_session_cannot_be_ended() {
    let broken: [fn(&mut Asks); 3] = [
        |asks| asks.validate_session = Ask::from_fn(|_: Validate| pending()),
        |asks| asks.delete_session = Ask::from_fn(|_: Delete| pending()),
        |asks| asks.delete_session = Ask::from_fn(|_: Delete| async { Err(AskError::Unavailable.into()) }),
    ];
    for replace in broken {
        let world = world_with(|config: &mut Config| config.gateway.deadlines.request_ms = 2000, replace).await;
        let old = world.token();

        let answer = sign_in(&world, "/auth", PASSWORD, &old).send().await.unwrap();

        assert_eq!(answer.status(), 200);
    }
}

#[actix_web::test]
async fn a_sign_in_does_not_wait_for_the_end_of_the_old_session_as_long_as_its_own_deadline_would_let_it() {
    let endless = |asks: &mut Asks| asks.validate_session = Ask::from_fn(|_: Validate| pending());
    let world = world_with(|config| config.gateway.deadlines.request_ms = 600_000, endless).await;

    let answer = sign_in(&world, "/auth", PASSWORD, &world.token()).send();
    let answer = tokio::time::timeout(Duration::from_mins(1), answer).await;

    assert_eq!(answer.expect("half of ten minutes is too long").unwrap().status(), 200);
}

#[actix_web::test]
async fn signing_out_makes_the_browser_forget_what_it_cached() {
    let world = world().await;
    let clears = |answer: &Response| answer.headers().get("clear-site-data").cloned();
    let as_ann =
        |method, path: &str| world.request(method, path).header("cookie", format!("session={}", world.token()));

    let out = as_ann(Method::DELETE, "/logout").send().await.unwrap();
    let gone = as_ann(Method::DELETE, "/delete").json(&json!({ "password": PASSWORD })).send().await.unwrap();
    let others = as_ann(Method::DELETE, "/me/sessions").send().await.unwrap();

    assert_eq!((out.status().as_u16(), gone.status().as_u16()), (204, 204));
    assert_eq!(
        (clears(&out).unwrap(), clears(&gone).unwrap()),
        ("\"cache\"".parse().unwrap(), "\"cache\"".parse().unwrap())
    );
    assert!(clears(&others).is_none(), "the browser is still signed in");
}
