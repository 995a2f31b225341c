//! What an operator hears when the server cannot be used.

use portico_kernel::UserId;
use portico_schema::{
    Unopened,
    redis::{Ears, Sessions, Settings},
};
use portico_session::{Store as _, View};

use super::{SHARED, command, settings};
use crate::values::{NOW, session};

async fn refused(settings: Settings) -> Unopened {
    match Sessions::connect(&settings, Ears::default()).await {
        Ok(_) => panic!("it was opened"),
        Err(refused) => refused,
    }
}

#[tokio::test]
async fn a_wrong_password_is_the_urls_fault_and_does_not_pass() {
    let (_, server) = SHARED.redis_url().split_once('@').unwrap();

    let wrong = refused(settings(&format!("redis://default:wrong@{server}"))).await;
    let none = refused(settings(&format!("redis://{server}"))).await;

    for (refused, code) in [(wrong, "WRONGPASS"), (none, "NOAUTH")] {
        assert_eq!((refused.key, refused.passes), ("url", false));
        assert!(refused.to_string().starts_with(&format!("the server refuses: {code}")), "{refused}");
        assert!(!refused.to_string().contains("wrong@"), "{refused}");
    }
}

#[tokio::test]
async fn an_account_with_the_rights_that_the_documentation_names_is_enough() {
    let rights = ["+@read", "+@write", "+@scripting", "+@connection", "+info"];
    let account = ["ACL", "SETUSER", "portico", "on", ">secret", "~portico:*"];
    assert_eq!(command(&SHARED, &[account.as_slice(), &rights].concat()), "OK");
    let (_, server) = SHARED.redis_url().split_once('@').unwrap();
    let (_, watch) = View::watched(10);
    let ((first, hash), (second, its_hash)) = (session(UserId::new(), 1), session(UserId::new(), 1));

    let store = Sessions::connect(
        &settings(&format!("redis://portico:secret@{server}")),
        Ears { sessions: Some(watch), ..Ears::default() },
    )
    .await
    .unwrap();

    store.check().await.unwrap();
    store.insert(&first, hash, 1).await.unwrap();
    store.touch(&first).await.unwrap();
    assert_eq!(store.find(hash).await.unwrap().as_ref(), Some(&first));
    assert_eq!(store.list(first.user, NOW, 1).await.unwrap(), std::slice::from_ref(&first));
    store.delete_others(first.user, first.id).await.unwrap();
    assert!(store.delete(first.user, first.id).await.unwrap());
    assert!(store.raise_epoch(second.user, 1, Some((&second, its_hash))).await.unwrap());
}

#[tokio::test]
async fn a_database_that_is_not_there_is_the_urls_fault_and_does_not_pass() {
    let refused = refused(settings(&format!("{}/99", SHARED.redis_url()))).await;

    assert_eq!((refused.key, refused.passes), ("url", false));
    assert!(refused.to_string().contains("DB index is out of range"), "{refused}");
}

#[tokio::test]
async fn a_server_that_does_not_listen_may_come_yet() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();

    let refused = refused(settings(&format!("redis://default:secret@{nobody}"))).await;

    assert!(refused.passes);
    assert_eq!(refused.to_string(), "the server cannot be reached: Connection refused (os error 111)");
}

#[tokio::test]
async fn what_is_no_url_is_not_repeated() {
    for url in ["secret of ann", "postgres://ann:secret@127.0.0.1/0", "redis://ann:secret@/x y"] {
        let refused = refused(settings(url)).await;

        assert_eq!((refused.key, refused.passes), ("url", false), "{url}: {refused}");
        assert!(!refused.to_string().contains("secret"), "{refused}");
    }
}

#[tokio::test]
async fn a_server_of_the_named_authority_is_trusted_and_no_other() {
    let trusting =
        |ca: bool| Settings { ca_file: ca.then(|| SHARED.ca().to_owned()), ..settings(SHARED.redis_tls_url()) };

    Sessions::connect(&trusting(true), Ears::default()).await.unwrap().check().await.unwrap();
    let refused = refused(trusting(false)).await;

    assert_eq!((refused.key, refused.passes), ("ca_file", false), "{refused}");
    assert!(refused.to_string().starts_with("the server is not trusted"), "{refused}");
}
