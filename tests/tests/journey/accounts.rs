//! Registering, signing in and out, changing, and who may see what.

use portico_tests::{Home, PASSWORD};
use serde_json::{Value, json};

const OTHER_PASSWORD: &str = "marble compass lantern";

#[tokio::test]
async fn a_browser_registers_signs_out_and_signs_in_again_by_cookie() {
    let home = Home::new();
    let node = home.up().await;
    let ann = node.client();

    let registered =
        ann.post("/reg").json(&json!({"name": " Ann ", "email": "Ann@example.com", "password": PASSWORD})).await;
    let me = ann.get("/me").await.expect(200);
    ann.delete("/logout").await.expect(204);
    let signed_out = ann.get("/me").await;
    let signed_in =
        ann.post("/auth").json(&json!({"email": "ann@EXAMPLE.com", "password": PASSWORD})).await.expect(200);

    let body = registered.expect(201);
    assert_eq!(registered.header("location"), "/me");
    assert!(registered.cookie("session").is_some_and(|token| token.len() == 43), "{:?}", registered.headers);
    assert_eq!(body["token"], Value::Null, "a browser's token stays out of reach of scripts");
    assert_eq!((&me["name"], &me["email"]), (&json!("Ann"), &json!("Ann@example.com")));
    assert_eq!((&me["photo_count"], &me["photos"]), (&json!(0), &json!([])));
    assert_eq!(signed_out.problem().1, "session_missing");
    assert_eq!(signed_in["user"]["id"], body["user"]["id"]);
    assert_eq!(ann.get("/me").await.status, 200);
}

#[tokio::test]
async fn the_session_cookie_is_kept_from_scripts_and_from_other_sites() {
    let home = Home::new();
    let node = home.up().await;

    let new = json!({"name": "Ann", "email": "ann@example.com", "password": PASSWORD});
    let registered = node.client().post("/reg").json(&new).await;

    let mut cookies = registered.headers.get_all("set-cookie").iter().map(|cookie| cookie.to_str().unwrap());
    let session = cookies.find(|cookie| cookie.starts_with("session=")).unwrap();
    for attribute in ["HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(session.split("; ").any(|part| part == attribute), "{attribute} is missing in {session}");
    }
}

#[tokio::test]
async fn a_taken_address_is_refused_and_its_owner_stays_as_it_was() {
    let home = Home::new();
    let node = home.up().await;
    let ann = node.register("ann").await;

    let second = json!({"name": "Eve", "email": "ANN@example.com", "password": OTHER_PASSWORD});
    let refused = node.client().post("/reg").json(&second).await;

    assert_eq!(refused.problem().1, "email_taken");
    assert_eq!(refused.status, 409);
    assert_eq!(ann.get("/me").await.expect(200)["name"], "ann");
}

#[tokio::test]
async fn an_unknown_address_and_a_wrong_password_are_told_the_same() {
    let home = Home::new();
    let node = home.up().await;
    let ann = node.register("ann").await;
    let attempt = |email: &str| json!({"email": email, "password": OTHER_PASSWORD});

    let wrong = node.client().post("/auth").json(&attempt(&ann.email)).await;
    let unknown = node.client().post("/auth").json(&attempt("nobody@example.com")).await;

    let without_trace = |mut problem: Value| problem.as_object_mut().unwrap().remove("trace_id").map(|_| problem);
    assert_eq!((wrong.status, wrong.problem().1), (401, "bad_credentials".into()));
    assert_eq!(without_trace(wrong.json()), without_trace(unknown.json()));
}

#[tokio::test]
async fn a_name_is_changed_without_a_password_and_a_password_only_with_the_current_one() {
    let home = Home::new();
    let node = home.up().await;
    let ann = node.register("ann").await;
    let elsewhere =
        node.client().post("/auth?transport=bearer").json(&json!({"email": ann.email, "password": PASSWORD}));
    let elsewhere = ann.with_token(elsewhere.await.expect(200)["token"].as_str().unwrap());

    let renamed = ann.patch("/me/update").json(&json!({"name": "Anna"})).await.expect(200);
    let without = ann.patch("/me/update").json(&json!({"new_password": OTHER_PASSWORD})).await;
    let wrong = json!({"new_password": OTHER_PASSWORD, "current_password": "not the password"});
    let wrong = ann.patch("/me/update").json(&wrong).await;
    let right = json!({"new_password": OTHER_PASSWORD, "current_password": PASSWORD});
    let rotated = ann.patch("/me/update").json(&right).await.expect(200);

    assert_eq!(renamed["name"], "Anna");
    assert_eq!(without.problem(), (422, "invalid_field".into(), "current_password".into()));
    assert_eq!((wrong.status, wrong.problem().1), (401, "wrong_password".into()));
    assert_eq!(elsewhere.get("/me").await.problem().1, "session_dead", "every other session has ended");
    assert_eq!(ann.get("/me").await.problem().1, "session_dead", "the current one was rotated");
    let token = rotated["token"].as_str().unwrap();
    assert_eq!(ann.with_token(token).get("/me").await.expect(200)["name"], "Anna");
    let old = node.client().post("/auth").json(&json!({"email": ann.email, "password": PASSWORD})).await;
    assert_eq!(old.status, 401);
}

#[tokio::test]
async fn sessions_are_listed_and_revoked_by_their_owner_alone() {
    let home = Home::new();
    let node = home.up().await;
    let (ann, ben) = (node.register("ann").await, node.register("ben").await);
    let sign_in = async || {
        let credentials = json!({"email": ann.email, "password": PASSWORD});
        let signed_in = node.client().post("/auth?transport=bearer").json(&credentials).await.expect(200);
        (ann.with_token(signed_in["token"].as_str().unwrap()), signed_in["session"]["id"].as_str().unwrap().to_owned())
    };
    let (phone, phone_id) = sign_in().await;
    let (tablet, _) = sign_in().await;

    let listed = ann.get("/me/sessions").await.expect(200);
    let foreign = ben.delete(&format!("/me/sessions/{phone_id}")).await;
    let phone_still = phone.get("/me").await.status;
    ann.delete(&format!("/me/sessions/{phone_id}")).await.expect(204);
    let phone_dead = phone.get("/me").await.problem().1;
    ann.delete("/me/sessions").await.expect(204);

    let sessions = listed.as_array().unwrap();
    assert_eq!(sessions.len(), 3);
    assert_eq!(sessions.iter().filter(|session| session["current"] == true).count(), 1);
    assert_eq!((foreign.status, foreign.problem().1), (404, "session_unknown".into()));
    assert_eq!((phone_still, phone_dead.as_str()), (200, "session_dead"));
    assert_eq!(tablet.get("/me").await.problem().1, "session_dead");
    assert_eq!(ann.get("/me").await.status, 200, "the current one stays");
}

#[tokio::test]
async fn a_proxy_is_told_who_a_session_belongs_to() {
    let home = Home::new();
    let node = home.up().await;
    let ann = node.register("ann").await;

    let verified = ann.get("/session/verify").await;
    let refused = node.client().get("/session/verify").await;

    assert_eq!((verified.status, verified.header("x-user-id")), (204, ann.id.as_str()));
    assert!(!verified.header("x-session-id").is_empty());
    assert_eq!(refused.status, 401);
}
