//! Starts what carries log records by Kafka: from every node's spool, and to the files of a node that collects.

use std::{fs, sync::Arc};

use portico_bus::kafka::{Collector, Counts, Login, Mechanism, Parts, Sender, Settings, Tls, check};
use portico_config::{LogTransport, Role, Sasl, SaslMechanism, TlsMode};
use portico_kernel::{Spec, Supervisor};
use portico_log::{Logs, Positions, Spool};
use portico_schema::log::{LogFiles, SpoolFiles};

use super::{files, spool};
use crate::{domains::World, exit::Failure};

/// What a node carries.
pub(in crate::domains::log) struct Bridges {
    settings: Arc<Settings>,
    spool: SpoolFiles,
    /// The files that this node keeps if it collects, and what it counts then.
    collected: Option<(LogFiles, Arc<Counts>)>,
}

/// Opens the spool, and the files if this node collects.
pub(super) fn open(world: &mut World) -> Result<(SpoolFiles, Bridges), Failure> {
    let settings = Arc::new(settings(&world.config.log.transport)?);
    let spool = spool(world, "kafka")?;
    let collects = world.config.log.collect && world.config.node.hosts(Role::Log);
    let collected = if collects { Some((files(world)?, Arc::default())) } else { None };
    if let Some((_, counts)) = &collected {
        let each = [Counts::collected, Counts::dead, Counts::lag];
        world.metrics.observe_collector(each.map(|count| {
            let counts = Arc::clone(counts);
            move || count(&counts)
        }));
    }
    Ok((spool.clone(), Bridges { settings, spool, collected }))
}

impl Bridges {
    /// Starts the sender, and the collector if this node is to be one.
    pub(super) fn start(&self, root: &Supervisor) {
        let (spool, settings) = (Arc::new(self.spool.clone()) as Arc<dyn Spool>, Arc::clone(&self.settings));
        root.supervise(Spec::new("log-sender").on("log-sender"), move || {
            Sender::new(Arc::clone(&spool), Arc::clone(&settings))
        });
        if let Some((files, counts)) = &self.collected {
            let store = files.clone();
            let keeper =
                root.supervise(Spec::new("log-files").on("log"), move || Logs::of_others(Arc::new(store.clone())));
            let parts = Parts {
                settings: Arc::clone(&self.settings),
                append: keeper.ask(),
                positions: Arc::new(files.clone()) as Arc<dyn Positions>,
                counts: Arc::clone(counts),
            };
            root.supervise(Spec::new("log-collector").on("log-collector"), move || Collector::new(parts.clone()));
        }
    }

    /// Talks to the brokers once. They may be away: what is logged meanwhile waits in the spool.
    pub(super) async fn check(&self) -> Result<(), Failure> {
        let settings = Arc::clone(&self.settings);
        let checked = tokio::task::spawn_blocking(move || check(&settings)).await;
        match checked.map_err(Failure::software)? {
            Ok(()) => Ok(()),
            Err(refused) if refused.passes => {
                tracing::warn!(reason = %refused, "Kafka is away; log records wait in the spool");
                Ok(())
            }
            Err(refused) => Err(Failure::config(format!("log.transport.{}: {refused}", refused.key))),
        }
    }
}

fn settings(config: &LogTransport) -> Result<Settings, Failure> {
    let needed = || Failure::config("log.transport.brokers: is needed for kafka");
    let ca = config.tls.ca_file.clone();
    Ok(Settings {
        brokers: config.brokers.clone().ok_or_else(needed)?,
        topic: config.topic.clone(),
        group: config.group.clone(),
        tls: match config.tls.mode {
            TlsMode::Disable => Tls::Disabled,
            TlsMode::VerifyCa => Tls::VerifyCa(ca),
            TlsMode::VerifyFull => Tls::VerifyFull(ca),
        },
        login: login(&config.sasl)?,
        partitions: config.partitions,
        replication: config.replication,
    })
}

fn login(config: &Sasl) -> Result<Option<Login>, Failure> {
    let Some(user) = config.user.clone() else { return Ok(None) };
    let mechanism = match config.mechanism {
        SaslMechanism::Plain => Mechanism::Plain,
        SaslMechanism::ScramSha256 => Mechanism::ScramSha256,
        SaslMechanism::ScramSha512 => Mechanism::ScramSha512,
    };
    let password = match (&config.password, &config.password_file) {
        (Some(password), _) => password.expose().to_owned(),
        (None, Some(file)) => {
            let told =
                |error| Failure::config(format!("log.transport.sasl.password_file: {}: {error}", file.display()));
            fs::read_to_string(file).map_err(told)?.trim().to_owned()
        }
        (None, None) => return Err(Failure::config("log.transport.sasl.password: is needed")),
    };
    Ok(Some(Login { mechanism, user, password: password.into() }))
}
