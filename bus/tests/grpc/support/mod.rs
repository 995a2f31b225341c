//! Nodes that can be killed, peers that misbehave, and what is asked of them.

mod node;
mod pictures;
mod place;
mod rogue;
mod samples;

use std::{net::SocketAddr, time::Duration};

use portico_bus::grpc::{Bridge, PeerState, Peers, Sessions, Settings};
use portico_kernel::Ask;
use portico_session::{Error, Live, SessionId, Token, Validate};

pub(crate) use self::{
    node::Node,
    pictures::{Picture, asks, bytes, chunks, photos, received, settled, uploading},
    place::Place,
    rogue::Rogue,
    samples::{Shown, client, event, opened, photo, photo_asks, session, session_asks, user, user_asks},
};

/// Longer than anything here takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn validate() -> Validate {
    Validate { token: Token::generate() }
}

pub(crate) fn live() -> Live {
    Live { id: SessionId::new(), user: portico_kernel::UserId::new() }
}

/// The nodes at `addresses`.
pub(crate) fn settings(addresses: &[SocketAddr]) -> Settings {
    Settings::of(addresses.iter().map(ToString::to_string))
}

/// Asks the nodes that `settings` tells of, and waits for as long as a test may take.
pub(crate) fn ask(settings: Settings) -> Ask<Validate> {
    ask_peers(&Peers::new(settings))
}

pub(crate) fn ask_peers(peers: &Peers) -> Ask<Validate> {
    Ask::new(Bridge::<Sessions>::new(peers.clone())).timeout(PATIENCE)
}

/// A node that answers every validation with `answer`.
pub(crate) fn answering(answer: fn() -> Result<Live, Error>) -> Node {
    Node::sessions(Ask::from_fn(move |_| async move { answer() }))
}

/// What is known of the node at `address`.
pub(crate) fn state(peers: &Peers, address: SocketAddr) -> PeerState {
    peers.snapshot().into_iter().find(|state| state.address == address).expect("the node is known")
}
