//! `outbox_publish`: events from the outbox in PostgreSQL to a quorum queue of RabbitMQ, by the node's own courier.
//!
//! Its reference publishes the same messages to the same exchange, as many at a time, and waits for the same confirms; it reads
//! no outbox and forgets nothing there.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use actix::System;
use futures_util::future::try_join_all;
use lapin::{
    BasicProperties, Channel, Connection, ConnectionProperties,
    options::{BasicPublishOptions, ConfirmSelectOptions},
};
use portico_bus::{
    Courier,
    rabbitmq::{RabbitBroker, Settings, Topology},
};
use portico_kernel::{Clock as _, Deadline, Event, Intensity, Outbox, Spec, Strategy, Supervisor, SystemClock, UserId};
use portico_schema::{postgres, user::Users};
use portico_user::{Account, Email, Name, PasswordHash, Store as _, User, registered};
use time::OffsetDateTime;

use super::servers::Servers;
use crate::{
    figure::{Direction, Figure},
    run::{Failure, Run},
    statistics::Repeats,
};

/// Events of one turn.
const EVENTS: usize = 20_000;
/// Accounts that are opened in one transaction.
const TOGETHER: usize = 500;
/// Messages that wait for their confirms at the same time: as many as the courier reads and publishes together.
const UNCONFIRMED: usize = 100;
/// How long all of them may take.
const PATIENCE: Duration = Duration::from_mins(5);
/// How often it is looked whether the outbox is empty.
const LOOK: Duration = Duration::from_millis(5);
/// A message that outlives the server's process.
const PERSISTENT: u8 = 2;
/// What names on RabbitMQ begin with.
const PREFIX: &str = "bench";

/// Measures `outbox_publish`.
///
/// # Errors
/// A server cannot be started, or events do not arrive.
pub fn measure(run: &Run) -> Result<Vec<Figure>, Failure> {
    let servers = Servers::start(&run.directory("servers")?, &["postgres", "rabbitmq"])?;
    let count = run.count(EVENTS, 200);
    let (ours, raw) = System::new().block_on(in_turns(run, &servers, count))?;
    let reference = ("the same messages, published and confirmed without an outbox", raw.median());
    Ok(vec![
        Figure::reported("outbox_publish", "events/s", ours.median(), reference, Direction::AtLeast)
            .note(format!(
                "{count} events from PostgreSQL to a quorum queue, {UNCONFIRMED} at a time, each batch then forgotten"
            ))
            .note(format!("{} repeats in turns: {}; reference {}", run.repeats(), ours.spread(), raw.spread())),
    ])
}

async fn in_turns(run: &Run, servers: &Servers, count: usize) -> Result<(Repeats, Repeats), Failure> {
    let users = Arc::new(open(servers.setting("POSTGRES_USER_URL")?).await?);
    let url = servers.setting("RABBITMQ_URL")?;
    let settings = Settings { url: url.to_owned().into(), ca_file: None };
    let broker = RabbitBroker::connect(&settings, Topology::new(PREFIX, &["photo"])).await.map_err(Failure::said)?;
    let broker = Arc::new(broker);
    let channel = raw_channel(url).await?;
    let (mut ours, mut raw) = (Repeats::default(), Repeats::default());
    for repeat in 0..run.repeats() {
        let events = fill(&users, repeat, count).await?;
        raw.add(publish(&channel, &events).await?);
        ours.add(carry(&users, &broker, count).await?);
        run.progress(format!("outbox_publish {}: {:.0} against {:.0} a second", repeat + 1, ours.last(), raw.last()));
    }
    Ok((ours, raw))
}

async fn open(url: &str) -> Result<Users, Failure> {
    let settings = postgres::Settings {
        url: url.to_owned().into(),
        pool_max: 4,
        acquire_timeout: Duration::from_secs(5),
        statement_timeout: Duration::from_secs(10),
        tls: postgres::Tls::Disabled,
    };
    let users = Users::connect(&settings).await.map_err(Failure::said)?;
    users.migrate().await.map_err(Failure::said)?;
    Ok(users)
}

/// Opens accounts, each of which leaves an event in the outbox.
async fn fill(users: &Users, repeat: usize, count: usize) -> Result<Vec<Event>, Failure> {
    let now = SystemClock.now();
    let mut opened = Vec::with_capacity(count);
    for number in 0..count {
        let account = account(&format!("user-{repeat}-{number}@example.com"), now)?;
        let event = registered(&account, now);
        opened.push((account, event));
    }
    for some in opened.chunks(TOGETHER) {
        users.import(some).await.map_err(Failure::said)?;
    }
    Ok(opened.into_iter().map(|(_, event)| event).collect())
}

fn account(email: &str, now: OffsetDateTime) -> Result<Account, Failure> {
    let user = User {
        id: UserId::new(),
        name: Name::parse("Ann").map_err(Failure::said)?,
        email: Email::parse(email).map_err(Failure::said)?,
        created_at: now,
        updated_at: now,
        version: 1,
    };
    Ok(Account { user, password: PasswordHash::new("$argon2id$none"), one_time: None, epoch: 1 })
}

/// Events a second that a courier brings from the outbox to the queue.
async fn carry(users: &Arc<Users>, broker: &Arc<RabbitBroker>, count: usize) -> Result<f64, Failure> {
    let root = Supervisor::root("bench", Strategy::OneForOne, Intensity::NONE);
    let (outbox, to) = (Arc::clone(users), Arc::clone(broker));
    let began = Instant::now();
    root.supervise(Spec::new("courier").on("courier"), move || Courier::new(outbox.clone(), to.clone()));
    let whole = async {
        while users.depth().await.map_err(Failure::said)? > 0 {
            tokio::time::sleep(LOOK).await;
        }
        Ok(rate(count, began.elapsed()))
    };
    let rate = tokio::time::timeout(PATIENCE, whole).await;
    root.drain(Deadline::within(PATIENCE)).await;
    rate.map_err(Failure::said)?
}

async fn raw_channel(url: &str) -> Result<Channel, Failure> {
    let connection = Connection::connect(url, ConnectionProperties::default()).await.map_err(Failure::said)?;
    let channel = connection.create_channel().await.map_err(Failure::said)?;
    channel.confirm_select(ConfirmSelectOptions::default()).await.map_err(Failure::said)?;
    Ok(channel)
}

/// Messages a second that are published and confirmed.
async fn publish(channel: &Channel, events: &[Event]) -> Result<f64, Failure> {
    let mut messages = Vec::with_capacity(events.len());
    for event in events {
        messages.push((event.kind.as_str(), serde_json::to_vec(event).map_err(Failure::said)?));
    }
    let mandatory = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
    let persistent = BasicProperties::default().with_delivery_mode(PERSISTENT);
    let began = Instant::now();
    for some in messages.chunks(UNCONFIRMED) {
        let mut sent = Vec::with_capacity(some.len());
        for (key, body) in some {
            let exchange = format!("{PREFIX}.user").into();
            let message = channel.basic_publish(exchange, (*key).into(), mandatory, body, persistent.clone());
            sent.push(message.await.map_err(Failure::said)?);
        }
        let confirmed = try_join_all(sent).await.map_err(Failure::said)?;
        if !confirmed.iter().all(lapin::Confirmation::is_ack) {
            return Err(Failure::said("RabbitMQ did not keep a message"));
        }
    }
    Ok(rate(messages.len(), began.elapsed()))
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn rate(count: usize, lasted: Duration) -> f64 {
    count as f64 / lasted.as_secs_f64()
}
