//! The domains that other nodes host: their messages are asked over gRPC.

use portico_bus::grpc::{Bridge, Peers, Photos, Sessions, Settings, Users};
use portico_config::Role;
use portico_kernel::StoreError;

use super::World;
use crate::exit::Failure;

/// Whom the session domain's messages are asked of; none if no node is named.
pub(super) fn sessions(world: &mut World) -> Result<Option<portico_session::Asks>, Failure> {
    let peers = peers(world, Role::Session, "nodes:session")?;
    Ok(peers.map(|peers| portico_session::Asks::of(&Bridge::<Sessions>::new(peers))))
}

/// The same of the user domain.
pub(super) fn users(world: &mut World) -> Result<Option<portico_user::Asks>, Failure> {
    let peers = peers(world, Role::User, "nodes:user")?;
    Ok(peers.map(|peers| portico_user::Asks::of(&Bridge::<Users>::new(peers))))
}

/// The same of the photo domain.
pub(super) fn photos(world: &mut World) -> Result<Option<portico_photo::Asks>, Failure> {
    let peers = peers(world, Role::Photo, "nodes:photo")?;
    Ok(peers.map(|peers| portico_photo::Asks::of(&Bridge::<Photos>::new(peers))))
}

fn peers(world: &mut World, role: Role, probe: &'static str) -> Result<Option<Peers>, Failure> {
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
    let probed = peers.clone();
    world.probe(probe, move || {
        let peers = probed.clone();
        async move {
            let nobody = "none of the nodes that host it can be reached";
            if peers.is_reachable().await { Ok(()) } else { Err(StoreError::Unavailable(nobody.into())) }
        }
    });
    let observed = peers.clone();
    world.metrics.observe_peers(role.name(), move || observed.snapshot());
    Ok(Some(peers))
}
