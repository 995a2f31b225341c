//! What is told of a server that cannot be used.

use lapin::{options::QueueDeclareOptions, types::FieldTable};
use portico_bus::rabbitmq::{RabbitBroker, Settings, Unusable};

use crate::support::{SHARED, World};

async fn refused(settings: Settings) -> Unusable {
    let topology = World::new().topology();
    RabbitBroker::connect(&settings, topology).await.map(drop).unwrap_err()
}

fn settings(url: &str) -> Settings {
    Settings { url: url.into(), ca_file: None }
}

#[tokio::test]
async fn what_does_not_mend_by_itself_is_told_with_its_key_and_without_the_password() {
    let url = SHARED.rabbitmq_url();
    let (user, server) = url.split_once('@').unwrap();
    let wrong = format!("{}:hunter2@{server}", user.rsplit_once(':').unwrap().0);
    let nowhere = format!("{}/nowhere", url.rsplit_once('/').unwrap().0);
    let untrusted = SHARED.setting("RABBITMQ_TLS_URL");

    for (url, key, told) in [
        (wrong.as_str(), "url", "the server refuses: ACCESS_REFUSED"),
        (nowhere.as_str(), "url", "the server refuses: NOT_ALLOWED"),
        (untrusted, "tls", "the server is not trusted"),
    ] {
        let refused = refused(settings(url)).await;

        assert_eq!((refused.key, refused.passes), (key, false), "{refused}");
        assert!(refused.to_string().starts_with(told), "{refused}");
        assert!(!refused.to_string().contains("hunter2"), "{refused}");
        assert_eq!(refused.to_string().lines().count(), 1, "{refused}");
    }
}

#[tokio::test]
async fn a_server_that_is_away_may_come_back() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();

    let refused = refused(settings(&format!("amqp://ann:secret@{nobody}/v"))).await;

    assert!(refused.passes, "{refused}");
    assert!(refused.to_string().starts_with("the server cannot be reached"), "{refused}");
}

#[tokio::test]
async fn a_server_that_is_connected_to_and_never_answers_is_away_too() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();

    let refused = refused(settings(&format!("amqp://ann:secret@{}/v", silent.local_addr().unwrap()))).await;

    assert!(refused.passes, "{refused}");
    assert_eq!(refused.to_string(), "the server does not answer");
}

#[tokio::test]
async fn a_server_that_proves_who_it_is_is_trusted() {
    let world = World::new();
    let url = SHARED.setting("RABBITMQ_TLS_URL");
    let settings = Settings { url: url.into(), ca_file: Some(SHARED.ca().to_owned()) };

    let broker = RabbitBroker::connect(&settings, world.topology()).await.unwrap();

    broker.check().await.unwrap();
}

#[tokio::test]
async fn a_name_that_somebody_else_has_taken_is_not_shared() {
    let world = World::new();
    let stranger = world.stranger().await;
    let options = QueueDeclareOptions::durable();
    stranger.channel.queue_declare(world.queue("").into(), options, FieldTable::default()).await.unwrap();

    let refused = RabbitBroker::connect(&world.settings(), world.topology()).await.map(drop).unwrap_err();

    assert_eq!((refused.key, refused.passes), ("prefix", false), "{refused}");
}
