//! A TCP proxy on the way to a server.
//!
//! Invariant: what it took it passes on in order, however late; or never, if its connections were cut meanwhile.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{mpsc, watch},
    task::JoinHandle,
    time::{Instant, sleep, sleep_until},
};

/// Bytes that are read at a time.
const CHUNK_BYTES: usize = 16 * 1024;
/// Bytes that are written at a time where the rate is limited.
const PIECE_BYTES: usize = 1024;
/// Chunks of one direction that may be on their way.
const UNDER_WAY_MAX: usize = 64;

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
    pace: Pace,
}

/// How fast each direction of each connection is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Pace {
    /// How long a byte is on its way.
    pub latency: Duration,
    /// How many bytes pass in a second; none for as many as come.
    pub bytes_per_s: Option<u32>,
}

impl Proxy {
    /// A way to `server`, from a port that is free.
    ///
    /// # Panics
    /// When no port can be had.
    pub async fn to(server: SocketAddr) -> Self {
        Self::between(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), server).await
    }

    /// A way to `server` from `address`.
    ///
    /// # Panics
    /// When the address cannot be had.
    pub async fn between(address: SocketAddr, server: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.expect("the port is free");
        let address = listener.local_addr().expect("it is bound");
        let way = watch::Sender::new(Way { blocked: false, cuts: 0, pace: Pace::default() });
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

    /// From now on what is read passes so fast.
    pub fn pace(&self, pace: Pace) {
        self.way.send_modify(|way| way.pace = pace);
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

/// Carries one direction until either end closes.
async fn carry(from: OwnedReadHalf, to: OwnedWriteHalf, way: watch::Receiver<Way>) {
    let (queue, waiting) = mpsc::channel(UNDER_WAY_MAX);
    let taken = async {
        take(from, queue, way.clone()).await;
        std::future::pending::<()>().await; // what was taken is still to be given
    };
    tokio::select! {
        () = taken => {}
        () = give(waiting, to, way.clone()) => {}
    }
}

/// Bytes, and when they are due.
type Chunk = (Instant, Vec<u8>);

async fn take(mut from: OwnedReadHalf, queue: mpsc::Sender<Chunk>, way: watch::Receiver<Way>) {
    let mut buffer = vec![0; CHUNK_BYTES];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        let latency = way.borrow().pace.latency;
        if queue.send((Instant::now() + latency, buffer[..length].to_vec())).await.is_err() {
            return;
        }
    }
}

async fn give(mut waiting: mpsc::Receiver<Chunk>, mut to: OwnedWriteHalf, mut way: watch::Receiver<Way>) {
    while let Some((due, bytes)) = waiting.recv().await {
        sleep_until(due).await;
        for piece in bytes.chunks(PIECE_BYTES) {
            let Ok(Pace { bytes_per_s, .. }) = way.wait_for(|way| !way.blocked).await.map(|way| way.pace) else {
                return;
            };
            if to.write_all(piece).await.is_err() {
                return;
            }
            if let Some(rate) = bytes_per_s {
                sleep(Duration::from_secs(1) * u32::try_from(piece.len()).expect("a piece is small") / rate).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that gives back what it is given.
    async fn echo() -> SocketAddr {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (mut from, mut to) = stream.into_split();
                tokio::spawn(async move { tokio::io::copy(&mut from, &mut to).await });
            }
        });
        address
    }

    /// How long it takes until so many bytes are back.
    async fn there_and_back(pace: Pace, length: usize) -> Duration {
        let proxy = Proxy::to(echo().await).await;
        proxy.pace(pace);
        let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
        let (sent, mut back) = (vec![7; length], vec![0; length]);
        let began = Instant::now();
        stream.write_all(&sent).await.unwrap();
        stream.read_exact(&mut back).await.unwrap();
        assert_eq!(sent, back);
        began.elapsed()
    }

    #[tokio::test]
    async fn what_is_late_is_late_each_way() {
        let latency = Duration::from_millis(50);

        let took = there_and_back(Pace { latency, bytes_per_s: None }, 10).await;

        assert!((2 * latency..4 * latency + Duration::from_millis(300)).contains(&took), "{took:?}");
    }

    #[tokio::test]
    async fn what_is_much_takes_as_long_as_the_rate_says() {
        let took = there_and_back(Pace { latency: Duration::ZERO, bytes_per_s: Some(64 * 1024) }, 32 * 1024).await;

        assert!((Duration::from_millis(450)..Duration::from_secs(3)).contains(&took), "{took:?}");
    }

    #[tokio::test]
    async fn what_is_not_paced_is_passed_on_at_once() {
        let took = there_and_back(Pace::default(), 1024 * 1024).await;

        assert!(took < Duration::from_secs(2), "{took:?}");
    }
}
