//! What an operator hears when a database cannot be opened.

use std::{path::Path, process::Command};

use portico_schema::{
    Unopened,
    postgres::{Settings, Tls},
    user::Users,
};
use portico_user::Store as _;

use super::support::{Database, SHARED, settings};

async fn refused(settings: Settings) -> Unopened {
    match Users::connect(&settings).await {
        Ok(_) => panic!("it was opened"),
        Err(refused) => refused,
    }
}

#[tokio::test]
async fn a_wrong_password_is_the_urls_fault_and_does_not_pass() {
    let (before, after) = SHARED.setting("POSTGRES_USER_URL").split_once('@').unwrap();
    let (role, _) = before.rsplit_once(':').unwrap();

    let refused = refused(settings(&format!("{role}:wrong@{after}"))).await;

    assert_eq!((refused.key, refused.passes), ("url", false));
    assert!(refused.to_string().contains("password authentication failed"), "{refused}");
    assert!(!refused.to_string().contains("wrong@"), "{refused}");
}

#[tokio::test]
async fn a_database_that_is_not_there_is_the_urls_fault_and_does_not_pass() {
    let (server, _) = SHARED.setting("POSTGRES_USER_URL").rsplit_once('/').unwrap();

    let refused = refused(settings(&format!("{server}/portico_nowhere"))).await;

    assert_eq!((refused.key, refused.passes), ("url", false));
    assert!(refused.to_string().contains("\"portico_nowhere\" does not exist"), "{refused}");
}

#[tokio::test]
async fn a_server_that_does_not_listen_may_come_yet() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();

    let refused = refused(settings(&format!("postgres://ann:secret@{nobody}/db"))).await;

    assert!(refused.passes);
    assert!(refused.to_string().starts_with("the server cannot be reached"), "{refused}");
}

#[tokio::test]
async fn what_is_no_url_is_not_repeated() {
    let refused = refused(settings("secret of ann")).await;

    assert_eq!((refused.key, refused.passes), ("url", false));
    assert!(!refused.to_string().contains("secret"), "{refused}");
}

#[tokio::test]
async fn a_server_of_the_named_authority_is_trusted_and_no_other() {
    let (directory, database) = (tempfile::tempdir().unwrap(), Database::new());
    let other = directory.path().join("other.pem");
    authority(&other);
    let trusting = |ca: Option<&Path>| Settings { tls: Tls::VerifyFull(ca.map(Path::to_owned)), ..database.settings() };

    let trusted = Users::connect(&trusting(Some(SHARED.ca()))).await.unwrap();
    trusted.migrate().await.unwrap();
    trusted.check().await.unwrap();

    for ca in [Some(other.as_path()), None] {
        let refused = refused(trusting(ca)).await;
        assert_eq!((refused.key, refused.passes), ("tls", false), "{refused}");
    }
}

/// Makes an authority that vouches for nobody.
fn authority(certificate: &Path) {
    let key = certificate.with_extension("key");
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]);
    openssl.args(["-subj", "/CN=Another CA", "-days", "2", "-keyout"]).arg(&key).arg("-out").arg(certificate);
    let made = openssl.output().unwrap();
    assert!(made.status.success(), "{made:?}");
}
