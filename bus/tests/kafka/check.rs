//! What is found at a node's start, and TLS.

use std::{net::TcpListener, path::PathBuf};

use portico_bus::kafka::{Login, Mechanism, Settings, Tls, check};

use crate::support::{Keeper, Node, records, settings, shared};

fn over_tls(tls: Tls) -> Settings {
    Settings { brokers: shared().setting("KAFKA_TLS").to_owned(), tls, ..settings(shared()) }
}

fn login(password: &str) -> Settings {
    let login = Login { mechanism: Mechanism::ScramSha512, user: "portico".to_owned(), password: password.into() };
    let brokers = shared().setting("KAFKA_SASL").to_owned();
    let tls = Tls::VerifyFull(Some(shared().ca().to_owned()));
    Settings { brokers, tls, login: Some(login), ..settings(shared()) }
}

#[actix_rt::test]
async fn records_go_over_tls_under_a_name_and_a_password() {
    let settings = login(shared().setting("KAFKA_PASSWORD"));
    let (node, keeper) = (Node::new(&settings), Keeper::new(&settings).collect());
    let all = records("user", 1..=10);

    node.send();
    node.log(&all).await;

    keeper.holds("user", &all).await;
}

#[test]
fn brokers_that_an_authority_vouches_for_are_accepted() {
    let ca = Some(shared().ca().to_owned());

    for tls in [Tls::VerifyFull(ca.clone()), Tls::VerifyCa(ca)] {
        check(&over_tls(tls)).unwrap();
    }
}

#[test]
fn what_does_not_mend_by_itself_names_the_setting_that_is_to_blame() {
    let nobody_vouches = check(&over_tls(Tls::VerifyFull(None))).unwrap_err();
    let no_authority = check(&over_tls(Tls::VerifyFull(Some(PathBuf::from("/nowhere.pem"))))).unwrap_err();
    let wrong = check(&login("wrong")).unwrap_err();

    let keys = [&nobody_vouches, &no_authority, &wrong].map(|refused| (refused.key, refused.passes));
    assert_eq!(keys, [("tls", false), ("tls", false), ("sasl", false)], "{nobody_vouches}; {no_authority}; {wrong}");
    assert!(!wrong.to_string().contains("wrong"), "the password is not shown: {wrong}");
}

#[test]
fn brokers_that_are_away_may_come_back() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();

    let away = check(&Settings { brokers: nobody.to_string(), ..settings(shared()) }).unwrap_err();

    assert_eq!((away.key, away.passes), ("brokers", true), "{away}");
}
