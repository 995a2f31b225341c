//! A TCP proxy on the way to a server.
//!
//! Invariant: what it took while it was blocked it passes on in order, or never, if its connections were cut meanwhile.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::JoinHandle,
};

/// The way to a server. Dropping this ends it, with all connections.
pub struct Proxy {
    address: SocketAddr,
    way: watch::Sender<Way>,
    accepting: JoinHandle<()>,
}

#[derive(Clone, Copy)]
struct Way {
    blocked: bool,
    /// How often it was cut.
    cuts: u64,
}

impl Proxy {
    /// A way to `server`, from a port that is free.
    ///
    /// # Panics
    /// When no port can be had.
    pub async fn to(server: SocketAddr) -> Self {
        Self::at(Ipv4Addr::LOCALHOST, server).await
    }

    /// The same from another address of this machine (127.0.0.0/8), for whom no certificate speaks.
    ///
    /// # Panics
    /// When no port can be had.
    pub async fn at(address: Ipv4Addr, server: SocketAddr) -> Self {
        let listener = TcpListener::bind((address, 0)).await.expect("there is a free port");
        let address = listener.local_addr().expect("it is bound");
        let way = watch::Sender::new(Way { blocked: false, cuts: 0 });
        let accepting = tokio::spawn(accept(listener, server, way.subscribe()));
        Self { address, way, accepting }
    }

    /// Where to connect in place of the server.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on nothing passes: connections stay, new ones are taken, and nobody answers.
    pub fn block(&self) {
        self.way.send_modify(|way| way.blocked = true);
    }

    /// Ends that.
    pub fn unblock(&self) {
        self.way.send_modify(|way| way.blocked = false);
    }

    /// Ends every connection that there is.
    pub fn cut(&self) {
        self.way.send_modify(|way| way.cuts += 1);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, server: SocketAddr, way: watch::Receiver<Way>) {
    while let Ok((client, _)) = listener.accept().await {
        tokio::spawn(connect(client, server, way.clone()));
    }
}

/// Ends when either side does, or the way is cut, or the proxy is dropped.
async fn connect(client: TcpStream, server: SocketAddr, mut way: watch::Receiver<Way>) {
    let cuts = way.borrow().cuts;
    let passing = way.clone();
    let pass = async move {
        let mut opened = passing.clone();
        opened.wait_for(|way| !way.blocked).await.ok()?;
        let server = TcpStream::connect(server).await.ok()?;
        let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
        tokio::select! {
            () = carry(from_client, to_server, passing.clone()) => {}
            () = carry(from_server, to_client, passing) => {}
        }
        Some(())
    };
    tokio::select! {
        _ended = pass => {}
        _cut = way.wait_for(|way| way.cuts != cuts) => {}
    }
}

async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut way: watch::Receiver<Way>) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        let is_open = way.wait_for(|way| !way.blocked).await.is_ok();
        if !is_open || to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}
