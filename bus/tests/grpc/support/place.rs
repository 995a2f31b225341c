//! An address that stays ours while nobody listens at it.

use std::{net::SocketAddr, sync::Arc};

use tokio::net::{TcpListener, TcpSocket};

/// A free address on loopback. As long as it is held the system gives it to nobody else.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) address: SocketAddr,
    _held: Arc<TcpSocket>,
}

impl Place {
    pub(crate) fn new() -> Self {
        let held = TcpSocket::new_v4().unwrap();
        held.set_reuseaddr(true).unwrap();
        held.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        Self { address: held.local_addr().unwrap(), _held: Arc::new(held) }
    }

    pub(crate) async fn listen(&self) -> TcpListener {
        TcpListener::bind(self.address).await.unwrap()
    }
}
