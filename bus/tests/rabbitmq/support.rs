//! A real server, names of its own for each test, and a look into its queues.

use std::{sync::LazyLock, time::Duration};

use lapin::{
    BasicProperties, Channel, Connection, ConnectionProperties,
    options::{BasicAckOptions, BasicGetOptions, BasicPublishOptions, QueueDeclareOptions, QueueDeleteOptions},
    types::FieldTable,
};
use portico_bus::{
    Delivery, Intake as _,
    rabbitmq::{RabbitBroker, RabbitIntake, Settings, Topology},
};
use portico_kernel::Event;
use portico_tests::Servers;
use time::OffsetDateTime;
use uuid::Uuid;

/// The server that tests share, which none of them kills.
pub(crate) static SHARED: LazyLock<Servers> = LazyLock::new(|| Servers::shared(&["rabbitmq"]));

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// A server, and a prefix that nobody else uses.
pub(crate) struct World {
    url: String,
    prefix: String,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::on(&SHARED)
    }

    pub(crate) fn on(servers: &Servers) -> Self {
        Self { url: servers.rabbitmq_url().to_owned(), prefix: format!("t{}", Uuid::now_v7().simple()) }
    }

    pub(crate) fn settings(&self) -> Settings {
        Settings { url: self.url.as_str().into(), ca_file: None }
    }

    pub(crate) fn topology(&self) -> Topology {
        Topology::new(self.prefix.as_str(), &["photo"])
    }

    pub(crate) async fn broker(&self) -> RabbitBroker {
        RabbitBroker::connect(&self.settings(), self.topology()).await.unwrap()
    }

    pub(crate) fn intake(&self) -> RabbitIntake {
        RabbitIntake::new(&self.settings(), self.topology(), "photo").unwrap()
    }

    /// The name of the queue, or of one beside it: `.dead`, `.retry`.
    pub(crate) fn queue(&self, beside: &str) -> String {
        format!("{}.photo.user-events{beside}", self.prefix)
    }

    /// Somebody else on the same server.
    pub(crate) async fn stranger(&self) -> Stranger {
        let connection = Connection::connect(&self.url, ConnectionProperties::default()).await.unwrap();
        let channel = connection.create_channel().await.unwrap();
        Stranger { channel, _connection: connection }
    }
}

pub(crate) struct Stranger {
    pub(crate) channel: Channel,
    _connection: Connection,
}

impl Stranger {
    pub(crate) async fn publish(&self, queue: &str, body: &[u8]) {
        self.publish_with(queue, body, FieldTable::default()).await;
    }

    pub(crate) async fn publish_with(&self, queue: &str, body: &[u8], headers: FieldTable) {
        let (options, properties) = (BasicPublishOptions::default(), BasicProperties::default().with_headers(headers));
        self.channel.basic_publish("".into(), queue.into(), options, body, properties).await.unwrap().await.unwrap();
    }

    pub(crate) async fn delete(&self, queue: &str) {
        self.channel.queue_delete(queue.into(), QueueDeleteOptions::default()).await.unwrap();
    }

    /// How many messages of a queue are on their way to nobody.
    pub(crate) async fn ready(&self, queue: &str) -> u32 {
        let passive = QueueDeclareOptions::durable().passive();
        self.channel.queue_declare(queue.into(), passive, FieldTable::default()).await.unwrap().message_count()
    }

    /// Takes a message out of a queue, as soon as there is one.
    pub(crate) async fn get(&self, queue: &str) -> Vec<u8> {
        let found = async {
            loop {
                if let Some(message) = self.channel.basic_get(queue.into(), BasicGetOptions::default()).await.unwrap() {
                    message.ack(BasicAckOptions::default()).await.unwrap();
                    return message.delivery.data;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(PATIENCE, found).await.expect("a message arrives")
    }
}

/// The next delivery. While the server is away it is asked for again.
pub(crate) async fn next(intake: &RabbitIntake) -> Box<dyn Delivery> {
    let next = async {
        loop {
            match intake.next().await {
                Ok(delivery) => return delivery,
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    };
    tokio::time::timeout(PATIENCE, next).await.expect("a delivery arrives")
}

/// The ids of the next deliveries, each acknowledged.
pub(crate) async fn take(intake: &RabbitIntake, count: usize) -> Vec<Uuid> {
    let mut taken = Vec::with_capacity(count);
    while taken.len() < count {
        let delivery = next(intake).await;
        taken.push(delivery.event().id);
        delivery.acknowledge().await.unwrap();
    }
    taken
}

pub(crate) fn event() -> Event {
    Event::new("/portico/user", "user.updated", "ann", OffsetDateTime::UNIX_EPOCH, serde_json::json!({"version": 1}))
}

pub(crate) fn events(count: usize) -> Vec<Event> {
    (0..count).map(|_| event()).collect()
}

pub(crate) fn ids(events: &[Event]) -> Vec<Uuid> {
    events.iter().map(|event| event.id).collect()
}
