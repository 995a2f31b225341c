//! The API's description: committed, complete, and served with the page that shows it.

use std::{collections::BTreeSet, fs, path::Path};

use portico_gateway::{Code, openapi_json};
use reqwest::Method;
use serde_json::Value;

use crate::world::world;

/// Set this to write the snapshot anew.
const UPDATE: &str = "UPDATE_OPENAPI";

fn document() -> Value {
    serde_json::from_str(openapi_json()).unwrap()
}

/// Every operation as (method, path, description).
fn operations(document: &Value) -> Vec<(&str, &str, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    let operations = paths.iter().flat_map(|(path, item)| {
        let methods = item.as_object().unwrap();
        methods.iter().map(|(method, operation)| (method.as_str(), path.as_str(), operation))
    });
    operations.collect()
}

/// Asserts that an operation is described as answering a problem. What meets no operation is none's to describe.
pub(crate) fn assert_described(method: &Method, path: &str, status: u16, code: &str) {
    let document = document();
    let fits = |template: &str| {
        let (parts, given): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
        parts.len() == given.len()
            && parts
                .iter()
                .zip(given)
                .all(|(part, given)| *part == given || (part.starts_with('{') && !given.is_empty()))
    };
    let is_it = |known: &str| known.eq_ignore_ascii_case(method.as_str());
    for (known, template, operation) in operations(&document) {
        if fits(template) && is_it(known) {
            let answer = &operation["responses"][status.to_string()];
            let described = &answer["content"]["application/problem+json"]["examples"][code];
            assert!(described.is_object(), "{method} {template} answers {status} {code}, and is not described so");
        }
    }
}

#[test]
fn the_committed_document_is_the_one_that_the_handlers_make() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
    if std::env::var_os(UPDATE).is_some() {
        fs::write(&path, openapi_json()).unwrap();
    }

    let committed = fs::read_to_string(&path).unwrap_or_default();

    assert!(committed == openapi_json(), "the API changed: look at it, then write it anew with {UPDATE}=1");
}

#[test]
fn every_operation_has_an_id_of_its_own_a_tag_and_a_summary() {
    let document = document();
    let operations = operations(&document);

    let ids: BTreeSet<_> =
        operations.iter().map(|(_, _, operation)| operation["operationId"].as_str().unwrap()).collect();

    assert_eq!(ids.len(), operations.len());
    for (method, path, operation) in operations {
        assert!(!operation["summary"].as_str().unwrap().is_empty(), "{method} {path}");
        assert!(operation["tags"][0].is_string(), "{method} {path}");
    }
}

#[test]
fn every_parameter_of_a_path_is_described() {
    let document = document();
    for (method, path, operation) in operations(&document) {
        let template: BTreeSet<_> = path.split('{').skip(1).map(|part| part.split('}').next().unwrap()).collect();
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let described = parameters.filter(|parameter| parameter["in"] == "path");
        let described: BTreeSet<_> = described.map(|parameter| parameter["name"].as_str().unwrap()).collect();
        assert_eq!(template, described, "{method} {path}");
    }
}

#[test]
fn every_problem_code_is_listed_and_every_one_but_a_bridges_is_answered_somewhere() {
    let document = document();
    let listed = document["components"]["schemas"]["ProblemCode"]["enum"].as_array().unwrap();

    let text = document["paths"].to_string();

    assert_eq!(listed.len(), Code::ALL.len());
    let nowhere: Vec<_> =
        Code::ALL.iter().map(|code| code.name()).filter(|name| !text.contains(&format!("\"{name}\""))).collect();
    // A path that does not exist, a method that a path does not have and an event have no operation to stand at.
    assert_eq!(nowhere, ["bad_event", "not_found", "method_not_allowed"]);
}

#[test]
fn the_signed_in_routes_are_secured_by_cookie_or_token() {
    let document = document();
    for (method, path, operation) in operations(&document) {
        let is_open = matches!(path, "/reg" | "/auth");
        let schemes: Vec<_> = operation["security"].as_array().into_iter().flatten().collect();
        assert_eq!(schemes.len(), if is_open { 0 } else { 2 }, "{method} {path}");
    }
    let schemes = document["components"]["securitySchemes"].as_object().unwrap();
    assert_eq!(schemes.keys().collect::<Vec<_>>(), ["bearer", "cookie"]);
}

#[test]
fn limits_are_visible_in_the_schemas() {
    let document = document();

    let new_user = &document["components"]["schemas"]["NewUser"];

    assert_eq!(new_user["additionalProperties"], false);
    assert_eq!(new_user["properties"]["name"]["maxLength"], 64);
    assert_eq!(new_user["properties"]["password"]["maxLength"], 128);
    assert_eq!(new_user["required"], serde_json::json!(["name", "email", "password"]));
}

#[actix_web::test]
async fn the_document_is_served_as_it_is_committed() {
    let world = world().await;

    let answer = world.get("/openapi.json").send().await.unwrap();

    assert_eq!(answer.headers()["content-type"], "application/json");
    assert!(answer.text().await.unwrap() == openapi_json());
}

#[actix_web::test]
async fn the_page_runs_what_the_binary_holds_and_nothing_else() {
    let world = world().await;

    let answer = world.get("/docs").send().await.unwrap();
    let policy = answer.headers()["content-security-policy"].to_str().unwrap().to_owned();
    let page = answer.text().await.unwrap();

    assert!(policy.starts_with("default-src 'none'; script-src 'sha256-"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    assert!(page.contains("<meta name=\"viewport\" content=\"width=device-width"), "phones show it small");
    assert!(page.contains("SwaggerUIBundle") && page.contains("/openapi.json"));
    assert!(!page.contains("src=\"http") && !page.contains("href=\"http"), "nothing comes from elsewhere");
}

#[actix_web::test]
async fn a_problems_page_is_told_from_others_and_shows_nothing_but_itself() {
    let world = world().await;
    for (path, title, heading) in [
        ("/docs/problems", "Problems - Portico", "Problems"),
        ("/docs/problems/email_taken", "email_taken - Portico problems", "<code>email_taken</code>"),
    ] {
        let answer = world.get(path).send().await.unwrap();
        let policy = answer.headers()["content-security-policy"].to_str().unwrap().to_owned();
        let page = answer.text().await.unwrap();

        assert!(policy.starts_with("default-src 'none'; style-src 'sha256-") && !policy.contains("unsafe"), "{policy}");
        assert!(!policy.contains("script-src"), "{policy}");
        assert!(page.contains(&format!("<title>{title}</title>")), "{page}");
        assert!(page.contains(&format!("<h1>{heading}</h1>")), "{page}");
        assert!(page.contains("<meta name=\"viewport\"") && page.contains("color-scheme: light dark"), "{page}");
    }
}

#[test]
fn what_has_few_values_is_chosen_and_not_typed() {
    let document = document();
    let values = |path: &str, method: &str, name: &str| {
        let parameters = document["paths"][path][method]["parameters"].as_array().unwrap();
        let parameter = parameters.iter().find(|parameter| parameter["name"] == name).unwrap();
        (parameter["schema"]["type"].clone(), parameter["schema"]["enum"].clone())
    };

    assert_eq!(values("/auth", "post", "transport"), ("string".into(), serde_json::json!(["bearer"])));
    assert_eq!(values("/reg", "post", "transport"), ("string".into(), serde_json::json!(["bearer"])));
    assert_eq!(values("/me/photos/{photo_id}/content", "get", "size"), ("string".into(), serde_json::json!(["thumb"])));
}

#[test]
fn no_default_is_one_that_could_not_be_sent() {
    let text = openapi_json();

    assert!(!text.contains("\"default\": null"), "a parameter or field that may be absent has no default");
}

#[test]
fn every_header_that_an_answer_may_have_is_described() {
    let document = document();
    let described = document["components"]["headers"].as_object().unwrap();
    let headers = |answer: &Value| -> BTreeSet<String> {
        answer["headers"].as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect()
    };
    for (method, path, operation) in operations(&document) {
        for (status, answer) in operation["responses"].as_object().unwrap() {
            let own = headers(answer);
            for name in ["RateLimit", "RateLimit-Policy", "X-Request-Id", "Traceparent"] {
                assert!(own.contains(name) && described.contains_key(name), "{method} {path} {status}: {name}");
            }
            let asks_for_patience = ["rate_limited", "overloaded", "unavailable", "idempotency_key_in_progress"]
                .iter()
                .any(|code| answer["content"]["application/problem+json"]["examples"].get(code).is_some());
            assert_eq!(own.contains("Retry-After"), asks_for_patience, "{method} {path} {status}");
        }
    }
    for (path, method, status) in [("/reg", "post", "201"), ("/auth", "post", "200"), ("/me/update", "patch", "200")] {
        let own = headers(&document["paths"][path][method]["responses"][status]);
        assert!(own.contains("X-Device-Token") && own.contains("Set-Cookie"), "{method} {path}: {own:?}");
    }
}

#[test]
fn an_upload_that_is_repeated_may_find_its_photo_gone() {
    let document = document();

    let gone = &document["paths"]["/me/photos"]["post"]["responses"]["404"];

    assert!(gone.to_string().contains("photo_unknown"), "{gone}");
}

#[test]
fn every_group_of_operations_is_described() {
    let document = document();
    let groups = document["tags"].as_array().unwrap();
    let names: Vec<_> = groups.iter().map(|group| group["name"].as_str().unwrap()).collect();

    assert_eq!(names, ["Accounts", "Sessions", "Photos"]);
    assert!(groups.iter().all(|group| !group["description"].as_str().unwrap().is_empty()));
    for (method, path, operation) in operations(&document) {
        assert!(names.contains(&operation["tags"][0].as_str().unwrap()), "{method} {path}");
    }
}
