use portico_kernel::{AskError, StoreError};

use super::*;

fn store_errors() -> Vec<StoreError> {
    let cause = || Box::from("cause");
    vec![
        StoreError::Unavailable(cause()),
        StoreError::Full(cause()),
        StoreError::Uncertain(cause()),
        StoreError::Broken(cause()),
    ]
}

fn ask_errors() -> [AskError; 5] {
    [AskError::Overloaded, AskError::Draining, AskError::Unavailable, AskError::Crashed, AskError::Late]
}

fn bad_json() -> serde_json::Error {
    serde_json::from_str::<u8>("x").unwrap_err()
}

/// Every error that a domain can answer with; its own matches have no wildcard arm, so that a new one is noticed there.
fn every_error() -> Vec<Box<dyn Blame>> {
    let rule = portico_kernel::Invalid::new("too_short", "must be longer");
    let mut errors: Vec<Box<dyn Blame>> = vec![
        Box::new(portico_user::Error::EmailTaken),
        Box::new(portico_user::Error::BadCredentials),
        Box::new(portico_user::Error::WrongPassword),
        Box::new(portico_user::Error::PasswordRequired),
        Box::new(portico_user::Error::WeakPassword { field: "password", rule }),
        Box::new(portico_user::Error::Unknown),
        Box::new(portico_user::Error::Conflict),
        Box::new(portico_user::Error::KeyReused),
        Box::new(portico_user::Error::KeyInProgress),
        Box::new(portico_user::Error::HashingOverloaded),
        Box::new(portico_user::Error::Hashing),
        Box::new(portico_user::Error::Session(portico_session::Error::Stale)),
        Box::new(portico_session::Error::Dead),
        Box::new(portico_session::Error::Unknown),
        Box::new(portico_session::Error::Stale),
        Box::new(portico_session::Error::BadEvent(bad_json())),
        Box::new(portico_photo::Error::Unknown),
        Box::new(portico_photo::Error::TooLarge { max_bytes: 1 }),
        Box::new(portico_photo::Error::UnsupportedType),
        Box::new(portico_photo::Error::TooManyPixels { max: 1 }),
        Box::new(portico_photo::Error::BadImage),
        Box::new(portico_photo::Error::Aborted),
        Box::new(portico_photo::Error::QuotaReached { max: 1 }),
        Box::new(portico_photo::Error::OwnerDeleted),
        Box::new(portico_photo::Error::KeyReused),
        Box::new(portico_photo::Error::KeyInProgress),
        Box::new(portico_photo::Error::Overloaded),
        Box::new(portico_photo::Error::Processing),
        Box::new(portico_photo::Error::BadEvent(bad_json())),
        Box::new(crate::Invalids(Vec::new())),
    ];
    errors.extend(store_errors().into_iter().map(|error| Box::new(error) as Box<dyn Blame>));
    errors.extend(ask_errors().into_iter().map(|error| Box::new(error) as Box<dyn Blame>));
    errors
}

#[test]
fn every_code_of_the_domains_is_in_the_list_under_its_faults_status() {
    for error in every_error() {
        let code = Code::named(error.code()).unwrap_or_else(|| panic!("{} is not in the list", error.code()));

        assert_eq!(status(error.fault()), code.status(), "{error}: {}", code.name());
    }
}

#[test]
fn names_are_unique_and_tell_cause_and_mend() {
    let mut names: Vec<_> = Code::ALL.iter().map(|code| code.name()).collect();
    names.sort_unstable();
    names.dedup();

    assert_eq!(names.len(), Code::ALL.len());
    assert!(Code::ALL.iter().all(|code| !code.cause().is_empty() && !code.mend().is_empty()));
}

#[actix_web::test]
async fn a_servers_fault_tells_code_and_trace_id_and_nothing_of_its_cause() {
    let trace = TraceContext::new_root();

    let answer = trace
        .scope(async { Problem::from(StoreError::Broken(Box::from("password of ann@example.com"))).error_response() });
    let body = actix_web::body::to_bytes(answer.await.into_body()).await.unwrap();

    let document: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(document["code"], "internal");
    assert_eq!(document["fault"], "server");
    assert_eq!(document["trace_id"], *trace.trace_id());
    assert!(!String::from_utf8_lossy(&body).contains("ann@example.com"));
}

#[test]
fn a_call_that_never_ran_tells_when_to_try_again() {
    let answer = Problem::from(AskError::Overloaded).error_response();

    assert_eq!(answer.headers().get(header::RETRY_AFTER).unwrap(), "1");
}

#[test]
fn every_401_carries_a_challenge() {
    for code in Code::ALL.iter().filter(|code| code.status() == StatusCode::UNAUTHORIZED) {
        let answer = Problem::new(*code).error_response();

        assert!(answer.headers().contains_key(header::WWW_AUTHENTICATE), "{}", code.name());
    }
}
