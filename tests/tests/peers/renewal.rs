//! Certificates that are renewed while nodes run.

use std::fs;

use portico_tests::eventually;

use crate::support::{Caller, Certs, Mesh, UNAUTHENTICATED, refused, register};

#[tokio::test]
async fn a_certificate_that_is_renewed_is_shown_from_the_next_handshake_on_and_who_is_connected_stays() {
    let mesh = Mesh::new().await;
    let (front, address) = (mesh.front().await, mesh.session.address());
    let ann = register(&front.client(), "ann").await;
    let tls = || mesh.certs.client(Some((&mesh.certs, "front")));
    let before = Caller::connect(address, tls()).await.expect("it is a node");

    mesh.certs.renew(&mesh.home);

    eventually("the new certificate", || async {
        let now = Caller::connect(address, tls()).await.ok()?;
        (now.shown != before.shown).then_some(())
    })
    .await;
    assert_eq!(before.validate().await.expect("its connection stays"), UNAUTHENTICATED);
    ann.get("/me").await.expect(200);
    assert_eq!(refused(&mesh.session, "handshake").await, 0);
}

#[tokio::test]
async fn an_authority_that_is_replaced_is_believed_no_more_and_the_new_one_is() {
    let mesh = Mesh::new().await;
    let (address, next) = (mesh.session.address(), Certs::new(&mesh.home, "next"));
    next.issue(&mesh.home, "session", &["session"], "90");
    next.issue(&mesh.home, "front", &["gateway", "user"], "90");
    let old = mesh.certs.client(Some((&mesh.certs, "front")));

    for name in ["session.key", "session.pem", "ca.pem"] {
        fs::copy(next.file(name), mesh.certs.file(name)).expect("they can be replaced");
    }

    eventually("the new authority", || async {
        let caller = Caller::connect(address, next.client(Some((&next, "front")))).await.ok()?;
        caller.validate().await.ok()
    })
    .await;
    assert!(Caller::connect(address, old).await.is_err(), "neither believes the other");
}
