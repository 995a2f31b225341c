//! Makes the topics where they are missing.

use std::time::Duration;

use rdkafka::{
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    error::RDKafkaErrorCode,
};

use super::{Failed, Settings, ears::Ears};

/// How long the brokers may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// What leaves the number of copies to the brokers (KIP-464).
const AS_BROKERS_SAY: i32 = -1;

/// Sees that both topics are there. Whoever may not make them is content with those that somebody else made, and finds out
/// later if there are none.
pub(super) async fn make(settings: &Settings) -> Result<(), Failed> {
    let (doing, ears, dead) = ("topics cannot be made", Ears::default(), settings.dead());
    let admin: AdminClient<Ears> = settings
        .client()
        .create_with_context(ears.clone())
        .map_err(|error| Failed::new("Kafka's client cannot be made", error))?;
    let copies = settings.replication.map_or(AS_BROKERS_SAY, i32::from);
    let topic = |name, partitions: u16| NewTopic::new(name, partitions.into(), TopicReplication::Fixed(copies));
    let topics = [topic(&settings.topic, settings.partitions), topic(&dead, 1)];
    let options = AdminOptions::new().request_timeout(Some(TIMEOUT)).operation_timeout(Some(TIMEOUT));
    let made = admin.create_topics(&topics, &options).await.map_err(|error| Failed::new(doing, ears.explain(error)))?;
    for topic in made {
        use RDKafkaErrorCode::{ClusterAuthorizationFailed, TopicAlreadyExists, TopicAuthorizationFailed};
        match topic {
            Ok(topic) => tracing::info!(topic, "topic made"),
            Err((_, TopicAlreadyExists | ClusterAuthorizationFailed | TopicAuthorizationFailed)) => {}
            Err((topic, code)) => return Err(Failed::new(doing, format!("{topic}: {code}"))),
        }
    }
    Ok(())
}
