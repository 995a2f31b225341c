//! The domains that other nodes host: their messages are asked over gRPC.

use portico_bus::grpc::{Bridge, Logs, Peers, Photos, Sessions, Settings, Users};
use portico_config::Role;
use portico_kernel::{Ask, StoreError};
use portico_log::Append;

use super::World;
use crate::exit::Failure;

/// Whom the session domain's messages are asked of; none if no node is named.
pub(super) fn sessions(world: &mut World) -> Result<Option<portico_session::Asks>, Failure> {
    let peers = needed(world, Role::Session, "nodes:session")?;
    Ok(peers.map(|peers| portico_session::Asks::of(&Bridge::<Sessions>::new(peers))))
}

/// The same of the user domain.
pub(super) fn users(world: &mut World) -> Result<Option<portico_user::Asks>, Failure> {
    let peers = needed(world, Role::User, "nodes:user")?;
    Ok(peers.map(|peers| portico_user::Asks::of(&Bridge::<Users>::new(peers))))
}

/// The same of the photo domain.
pub(super) fn photos(world: &mut World) -> Result<Option<portico_photo::Asks>, Failure> {
    let peers = needed(world, Role::Photo, "nodes:photo")?;
    Ok(peers.map(|peers| portico_photo::Asks::of(&Bridge::<Photos>::new(peers))))
}

/// Who keeps log records. It may be away: they wait.
pub(super) fn logs(world: &mut World) -> Result<Ask<Append>, Failure> {
    let peers = peers(world, Role::Log)?.ok_or_else(|| Failure::config("node.peers.log: names no node"))?;
    let probed = peers.clone();
    world.probe_besides("nodes:log", move || reached(probed.clone()));
    Ok(Ask::new(Bridge::<Logs>::new(peers)))
}

/// The nodes without which nothing can be served; none if no node is named.
fn needed(world: &mut World, role: Role, probe: &'static str) -> Result<Option<Peers>, Failure> {
    let peers = peers(world, role)?;
    if let Some(probed) = peers.clone() {
        world.probe(probe, move || reached(probed.clone()));
    }
    Ok(peers)
}

async fn reached(peers: Peers) -> Result<(), StoreError> {
    let nobody = "none of the nodes that host it can be reached";
    if peers.is_reachable().await { Ok(()) } else { Err(StoreError::Unavailable(nobody.into())) }
}

fn peers(world: &mut World, role: Role) -> Result<Option<Peers>, Failure> {
    let addresses = world.config.node.peers_of(role);
    if addresses.is_empty() {
        return Ok(None);
    }
    let settings = Settings::of(addresses);
    let settings = match &world.trust {
        Some(trust) => settings.tls(&trust.client()).server_name(role.name()),
        None => settings,
    };
    let peers = {
        let _connections_run_there = world.threads.enter()?;
        Peers::new(settings)
    };
    let observed = peers.clone();
    world.metrics.observe_peers(role.name(), move || observed.snapshot());
    Ok(Some(peers))
}
