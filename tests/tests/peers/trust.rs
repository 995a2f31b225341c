//! Who is let in, and what it may ask.

use std::time::Duration;

use rustls::{ClientConfig, version::TLS12};

use crate::support::{
    Caller, Certs, Mesh, PERMISSION_DENIED, UNAUTHENTICATED, UNIMPLEMENTED, VALIDATE, has_refused, refused, register,
    told,
};

/// Whether a node bears with whoever comes with this.
async fn is_served(mesh: &Mesh, tls: ClientConfig) -> bool {
    match Caller::connect(mesh.session.address(), tls).await {
        Ok(caller) => caller.validate().await.is_ok(),
        Err(_refused) => false,
    }
}

#[tokio::test]
async fn nobody_is_served_without_a_certificate_of_the_authority_that_is_good_still() {
    let mesh = Mesh::new().await;
    let (certs, strangers) = (&mesh.certs, Certs::new(&mesh.home, "strangers"));
    strangers.issue(&mesh.home, "front", &["gateway", "user"], "90");
    certs.issue(&mesh.home, "expired", &["gateway"], "0");
    tokio::time::sleep(Duration::from_millis(2100)).await; // times in certificates are in whole seconds

    assert!(!is_served(&mesh, certs.client(None)).await);
    has_refused(&mesh.session, "handshake", 1).await;
    assert!(!is_served(&mesh, certs.client(Some((&strangers, "front")))).await);
    has_refused(&mesh.session, "handshake", 2).await;
    assert!(!is_served(&mesh, certs.client(Some((certs, "expired")))).await);
    has_refused(&mesh.session, "handshake", 3).await;
    assert!(!is_served(&mesh, certs.client_by(Some((certs, "front")), &TLS12)).await, "by a version of old");
    has_refused(&mesh.session, "handshake", 4).await;

    assert!(is_served(&mesh, certs.client(Some((certs, "front")))).await);
    register(&mesh.front().await.client(), "ann").await;
    let records = told(&mesh.session).await;
    assert!(records.len() < 4, "the first is told at once, and the others by their number: {records:?}");
}

#[tokio::test]
async fn a_role_that_may_not_ask_is_told_so_each_time_and_the_log_now_and_then() {
    const CALLS: u64 = 500;
    let mesh = Mesh::new().await;
    mesh.certs.issue(&mesh.home, "photo", &["photo", "log"], "90");
    let photo = mesh.certs.client(Some((&mesh.certs, "photo")));
    let caller = Caller::connect(mesh.session.address(), photo).await.expect("it is a node");

    for _ in 0..CALLS {
        assert_eq!(caller.validate().await.expect("it is answered"), PERMISSION_DENIED);
    }

    assert_eq!(refused(&mesh.session, "role").await, CALLS);
    register(&mesh.front().await.client(), "ann").await;
    let records = told(&mesh.session).await;
    assert!((1..20).contains(&records.len()), "{} records", records.len());
    assert!(records[0].contains("photo") && records[0].contains(VALIDATE), "it says who asked what: {}", records[0]);
}

#[tokio::test]
async fn a_node_of_another_version_is_told_what_there_is_not_and_asks_on_for_what_there_is() {
    let mesh = Mesh::new().await;
    let front = mesh.certs.client(Some((&mesh.certs, "front")));
    let caller = Caller::connect(mesh.session.address(), front).await.expect("it is a node");

    let later = ["/portico.session.v9.Sessions/ValidateSession", "/portico.session.v1.Sessions/ForgetSession"];
    for path in later {
        assert_eq!(caller.call(path).await.expect("it is answered"), UNIMPLEMENTED, "{path}");
    }

    assert_eq!(caller.validate().await.expect("it is answered"), UNAUTHENTICATED);
    assert_eq!(refused(&mesh.session, "unknown").await, 2);
}
