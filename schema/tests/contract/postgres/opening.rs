//! What an operator hears when a database cannot be opened.

use std::{net::Ipv4Addr, path::Path, process::Command};

use portico_schema::{
    Unopened,
    postgres::{Settings, Tls},
    user::Users,
};
use portico_tests::Proxy;
use portico_user::Store as _;
use sea_orm::sqlx::{Connection as _, postgres::PgConnection};

use super::support::{Database, SHARED, execute, settings};

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

#[tokio::test]
async fn a_server_under_a_name_that_its_certificate_does_not_hold_is_trusted_only_where_names_do_not_count() {
    let (role, rest) = SHARED.setting("POSTGRES_USER_URL").split_once('@').unwrap();
    let (server, database) = rest.split_once('/').unwrap();
    let elsewhere = Proxy::between((Ipv4Addr::new(127, 0, 0, 2), 0).into(), server.parse().unwrap()).await;
    let url = format!("{role}@{}/{database}", elsewhere.address());
    let ca = Some(SHARED.ca().to_owned());

    let by_authority = Users::connect(&Settings { tls: Tls::VerifyCa(ca.clone()), ..settings(&url) }).await;
    let refused = refused(Settings { tls: Tls::VerifyFull(ca), ..settings(&url) }).await;

    assert!(by_authority.is_ok());
    assert_eq!((refused.key, refused.passes), ("tls", false), "{refused}");
}

#[tokio::test]
async fn a_server_that_has_no_connection_left_may_have_one_yet() {
    let (role, server) = SHARED.postgres_url().split_once('@').unwrap();
    let scheme = role.split_once("//").unwrap().0;
    let mut superuser = PgConnection::connect(SHARED.postgres_url()).await.unwrap();
    execute(&mut superuser, "DROP ROLE IF EXISTS nobody_fits").await;
    execute(&mut superuser, "CREATE ROLE nobody_fits LOGIN PASSWORD 'secret' CONNECTION LIMIT 0").await;

    let refused = refused(settings(&format!("{scheme}//nobody_fits:secret@{server}"))).await;
    execute(&mut superuser, "DROP ROLE nobody_fits").await;

    assert!(refused.passes, "53300: {refused}");
    assert!(refused.to_string().contains("too many connections"), "{refused}");
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
