//! Carries user events to photo over a RabbitMQ server, which is waited for at the start as long as configured.

use std::sync::Arc;

use portico_bus::{
    Broker, Intake, Receiver, Subscribers,
    rabbitmq::{RabbitBroker, RabbitIntake, Settings, Topology, Unusable},
};
use portico_kernel::{Spec, StoreError};
use portico_schema::Unopened;

use crate::{
    domains::{
        World,
        store::patience::{patiently, refused, url},
    },
    exit::Failure,
};

const SECTION: &str = "bus.broker";
/// The domains that hear of users over the server.
const CONSUMERS: [&str; 1] = ["photo"];

/// Connects to the server, and answers what brings events there.
pub(super) async fn publisher(world: &mut World) -> Result<Arc<dyn Broker>, Failure> {
    let (settings, topology) = server(world)?;
    let connect = async || RabbitBroker::connect(&settings, topology.clone()).await.map_err(unusable);
    let retry_s = world.config.bus.broker.retry_at_start_s;
    let broker = Arc::new(patiently(&world.stop, SECTION, retry_s, connect).await?);
    let probed = Arc::clone(&broker);
    let probe = move || {
        let broker = Arc::clone(&probed);
        async move { broker.check().await.map_err(|error| StoreError::Unavailable(error.into())) }
    };
    world.probe_besides("rabbitmq", probe); // without it events wait
    let closed = Arc::clone(&broker);
    world.close("rabbitmq", async move { closed.close().await.map_err(|error| StoreError::Unavailable(error.into())) });
    Ok(broker)
}

/// Has `photos` hear of what comes from the server, whenever it is there.
pub(super) fn receiver(world: &mut World, photos: Subscribers) -> Result<(), Failure> {
    let (settings, topology) = server(world)?;
    let [photo] = CONSUMERS;
    let intake = RabbitIntake::new(&settings, topology, photo);
    let intake = Arc::new(intake.map_err(|error| refused(SECTION, &unusable(error)))?);
    let received = Arc::clone(&intake) as Arc<dyn Intake>;
    let spec = Spec::new("receiver-photo").on("bus");
    world.root.supervise(spec, move || Receiver::new(Arc::clone(&received), photos.clone()));
    world.close("rabbitmq", async move { intake.close().await.map_err(|error| StoreError::Unavailable(error.into())) });
    Ok(())
}

/// Where the server is, and what is declared there.
fn server(world: &World) -> Result<(Settings, Topology), Failure> {
    let config = &world.config.bus.broker;
    let url = url(SECTION, config.url.as_ref(), config.url_file.as_deref())?;
    let settings = Settings { url: url.into(), ca_file: config.tls.ca_file.clone() };
    Ok((settings, Topology::new(config.prefix.as_str(), &CONSUMERS)))
}

fn unusable(Unusable { key, detail, passes }: Unusable) -> Unopened {
    Unopened { key, detail, passes }
}
