//! Real servers, the ways to them, and the home of the nodes over them.

use std::{net::SocketAddr, sync::Arc};

use super::{
    super::home,
    fault::{Fault, Server},
};
use crate::{Home, Pace, Proxy, Servers};

/// Servers, and a home over them.
pub(super) struct Stage {
    servers: Arc<Servers>,
    home: Home,
    ways: Vec<(Server, Proxy)>,
}

impl Stage {
    /// Starts every server: a node wants all of them, whichever is to be cut.
    pub(super) async fn new() -> Self {
        let servers = tokio::task::spawn_blocking(|| Servers::own(&Server::ALL.map(Server::name))).await;
        let servers = Arc::new(servers.expect("they can be started"));
        let mut ways = Vec::new();
        for server in Server::ALL {
            let way = match server {
                Server::Kafka => Proxy::between(kafka(&servers, "KAFKA_PROXY"), kafka(&servers, "KAFKA_PROXIED")).await,
                _ => Proxy::to(address(url(&servers, server))).await,
            };
            ways.push((server, way));
        }
        let home = home().over(&servers).with_logs_by(&servers);
        Self { servers, home, ways }
    }

    pub(super) fn home(&self) -> &Home {
        &self.home
    }

    /// From now on, nodes reach every server by the way that can be slow.
    pub(super) fn reroute(&mut self) {
        let mut home = std::mem::take(&mut self.home);
        for (server, way) in &self.ways {
            for key in keys(*server) {
                let by_the_way = match (server, home.setting(key)) {
                    (Server::Kafka, _) => way.address().to_string(),
                    (_, Some(url)) => url.replacen(&address(url).to_string(), &way.address().to_string(), 1),
                    (_, None) => continue,
                };
                home = home.set(key, &by_the_way);
            }
        }
        self.home = home;
    }

    /// Something befalls a server.
    pub(super) async fn begin(&self, server: Server, fault: Fault) {
        match fault {
            Fault::Kill | Fault::Down => self.have(server, Servers::kill).await,
            Fault::Restart => self.have(server, Servers::stop).await,
            Fault::Pause => self.have(server, Servers::pause).await,
            Fault::Late | Fault::Thin => self.pace(server, fault.pace()),
        }
    }

    /// It is over: the server answers as before.
    pub(super) async fn end(&self, server: Server, fault: Fault) {
        match fault {
            Fault::Kill | Fault::Restart | Fault::Down => self.have(server, Servers::up).await,
            Fault::Pause => self.have(server, Servers::resume).await,
            Fault::Late | Fault::Thin => self.pace(server, Pace::default()),
        }
    }

    async fn have(&self, server: Server, done: fn(&Servers, &str)) {
        let servers = Arc::clone(&self.servers);
        let doing = tokio::task::spawn_blocking(move || done(&servers, server.name()));
        doing.await.expect("the script does what it is asked for");
    }

    fn pace(&self, server: Server, pace: Pace) {
        self.ways.iter().filter(|(known, _)| *known == server).for_each(|(_, way)| way.pace(pace));
    }
}

/// The keys of the configuration that say where a server is.
fn keys(server: Server) -> &'static [&'static str] {
    match server {
        Server::Postgres => &["user.store.url", "photo.store.url"],
        Server::Redis => &["session.store.url"],
        Server::S3 => &["photo.content.endpoint"],
        Server::Rabbitmq => &["bus.broker.url"],
        Server::Kafka => &["log.transport.brokers"],
    }
}

/// Where a node finds a server.
fn url(servers: &Servers, server: Server) -> &str {
    match server {
        Server::Postgres => servers.postgres_url(),
        Server::Redis => servers.redis_tls_url(),
        Server::S3 => servers.s3_url(),
        Server::Rabbitmq => servers.rabbitmq_url(),
        Server::Kafka => servers.kafka(),
    }
}

fn kafka(servers: &Servers, name: &str) -> SocketAddr {
    servers.setting(name).parse().expect("it is an address")
}

/// Host and port within a URL.
fn address(url: &str) -> SocketAddr {
    let after = url.rsplit_once('@').or_else(|| url.split_once("://")).map_or(url, |(_, after)| after);
    after.split('/').next().and_then(|address| address.parse().ok()).expect("servers of tests have an address")
}
