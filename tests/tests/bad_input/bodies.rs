//! JSON bodies: each mistake with the problem that it must get.

use portico_tests::{Home, PASSWORD};
use serde_json::{Value, json};

fn with(field: &str, value: impl Into<Value>) -> String {
    let mut new = json!({"name": "Ann", "email": "ann@example.com", "password": PASSWORD});
    new[field] = value.into();
    new.to_string()
}

fn without(field: &str) -> String {
    let mut new: Value = serde_json::from_str(&with(field, "")).unwrap();
    new.as_object_mut().unwrap().remove(field);
    new.to_string()
}

/// What, the body, and the status, code, field and rule that it must be answered with.
type Case = (&'static str, Vec<u8>, u16, &'static str, &'static str, &'static str);

fn malformed() -> Vec<Case> {
    let case = |what, body: &[u8]| (what, body.to_vec(), 400, "malformed_json", "", "");
    vec![
        case("nothing", b""),
        case("no JSON", b"name=Ann"),
        case("JSON that breaks off", br#"{"name": "Ann", "email": "#),
        case("JSON with more behind it", br#"{"name": "Ann"} {"name": "Ben"}"#),
        case("an array", br#"["Ann"]"#),
        case("a text", br#""Ann""#),
        case("null", b"null"),
        case(
            "a byte that is not UTF-8",
            b"{\"name\": \"Ann\xff\", \"email\": \"ann@example.com\", \"password\": \"x\"}",
        ),
        case("an overlong encoding", b"{\"name\": \"\xc0\xaf\"}"),
        case("half of a surrogate pair", br#"{"name": "\ud800", "email": "ann@example.com", "password": "x"}"#),
        case("nesting without end", "[".repeat(10_000).as_bytes()),
        (
            "a key that is named twice",
            format!(r#"{{"name": "Ann", "email": "ann@example.com", "password": "{PASSWORD}", "name": "Eve"}}"#).into(),
            400,
            "malformed_json",
            "name",
            "duplicate",
        ),
    ]
}

fn invalid() -> Vec<Case> {
    let case = |what, body: String, field, rule| (what, body.into_bytes(), 422, "invalid_field", field, rule);
    vec![
        case("an unknown field", with("admin", true), "admin", "unknown_field"),
        case("a missing name", without("name"), "name", "required"),
        case("a missing address", without("email"), "email", "required"),
        case("a missing password", without("password"), "password", "required"),
        case("a number for a name", with("name", 7), "name", "wrong_type"),
        case("null for a name", with("name", Value::Null), "name", "wrong_type"),
        case("a list for a password", with("password", json!([PASSWORD])), "password", "wrong_type"),
        case("an empty name", with("name", ""), "name", "empty"),
        case("a name of blanks", with("name", " \t \u{a0} "), "name", "empty"),
        case("a name of 65 characters", with("name", "é".repeat(65)), "name", "too_long"),
        case("a name with a line break", with("name", "Ann\nAdmin"), "name", "forbidden_character"),
        case("a name with a NUL", with("name", "Ann\0"), "name", "forbidden_character"),
        case("a name that turns the text around", with("name", "Ann\u{202e}nimda"), "name", "forbidden_character"),
        case("an address without a host", with("email", "ann"), "email", "malformed"),
        case("an address with a blank", with("email", "ann bee@example.com"), "email", "malformed"),
        case(
            "an address with a line break",
            with("email", "ann@example.com\nBcc: eve@example.com"),
            "email",
            "malformed",
        ),
        case(
            "an address of 255 characters",
            with("email", format!("ann@{}.com", "a".repeat(247))),
            "email",
            "too_long",
        ),
        case("an empty password", with("password", ""), "password", "empty"),
        case("a short password", with("password", "ä7Qx-pq"), "password", "too_short"),
        case("a password of 129 characters", with("password", "q7".repeat(65)), "password", "too_long"),
        case("a common password", with("password", "iloveyou1"), "password", "too_common"),
        case("the address as the password", with("password", "ANN@example.com"), "password", "too_personal"),
    ]
}

#[tokio::test]
async fn a_bad_body_is_refused_by_field_and_rule_and_opens_no_account() {
    let home = Home::new();
    let node = home.up().await;
    let client = node.client();

    for (what, body, status, code, field, rule) in malformed().into_iter().chain(invalid()) {
        let answer = client.post("/reg").body("application/json", body).await;

        let problem = answer.json();
        assert_eq!(answer.problem(), (status, code.to_owned(), field.to_owned()), "{what}: {problem}");
        assert_eq!(problem["errors"][0]["code"].as_str().unwrap_or_default(), rule, "{what}: {problem}");
        assert_eq!(answer.header("content-type"), "application/problem+json", "{what}");
        assert_eq!((&problem["fault"], &problem["status"]), (&json!("client"), &json!(status)), "{what}");
        assert_eq!(problem["trace_id"].as_str().map(str::len), Some(32), "{what}");
        assert!(!problem.to_string().contains(PASSWORD), "{what}");
    }
    let right: Value = serde_json::from_str(&with("name", "Ann")).unwrap();
    client.post("/reg").json(&right).await.expect(201); // the address was free all the time
}

#[tokio::test]
async fn every_broken_rule_is_told_at_once() {
    let home = Home::new();
    let node = home.up().await;

    let bad = json!({"name": "", "email": "ann", "password": ""});
    let answer = node.client().post("/reg").json(&bad).await.expect(422);

    let fields: Vec<_> =
        answer["errors"].as_array().unwrap().iter().map(|error| error["field"].as_str().unwrap()).collect();
    assert_eq!(fields, ["name", "email", "password"]);
}

#[tokio::test]
async fn a_body_of_another_size_or_type_is_refused() {
    let home = Home::new();
    let node = home.up().await;
    let client = node.client();
    let right = with("name", "Ann");

    let oversized = client.post("/reg").body("application/json", with("name", "a".repeat(70_000))).await;
    let form = client.post("/reg").body("application/x-www-form-urlencoded", "name=Ann").await;
    let plain = client.post("/reg").body("text/plain", right.clone()).await;
    let latin = client.post("/reg").body("application/json; charset=iso-8859-1", right.clone()).await;
    let packed = client.post("/reg").header("content-encoding", "gzip").body("application/json", right).await;

    assert_eq!((oversized.status, oversized.problem().1), (413, "too_large".into()));
    for answer in [form, plain, latin, packed] {
        assert_eq!((answer.status, answer.problem().1), (415, "unsupported_media_type".into()));
    }
}
