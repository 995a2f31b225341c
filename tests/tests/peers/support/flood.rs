//! A peer that begins calls and ends none of them, as many as it likes, whatever it was allowed.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use rustls::ClientConfig;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, split},
    sync::mpsc,
    task::JoinSet,
};

use super::{Raw, VALIDATE, frame, preface};

const HEADERS: u8 = 1;
const RESET: u8 = 3;
const PING: u8 = 6;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const ACK: u8 = 1;

/// Calls are written so many at a time.
const AT_ONCE: usize = 100;

/// Connections, each with calls on it. They end when this is dropped.
#[derive(Default)]
pub(crate) struct Flood {
    connections: JoinSet<()>,
    seen: Vec<Arc<Seen>>,
}

/// What became of the calls of a connection.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) begun: AtomicU64,
    /// Answered with a status at once.
    pub(crate) answered: AtomicU64,
    /// Reset: they were never heeded.
    pub(crate) reset: AtomicU64,
    pub(crate) closed: AtomicU64,
}

impl Flood {
    /// Begins so many calls on one more connection.
    pub(crate) async fn add(&mut self, to: SocketAddr, tls: ClientConfig, calls: u32) {
        let seen = Arc::<Seen>::default();
        self.seen.push(Arc::clone(&seen));
        let raw = Raw::connect(to).await;
        self.connections.spawn(async move {
            if let Ok(Raw(stream)) = raw.by_tls(tls).await {
                flood(stream, calls, &seen).await;
            }
            seen.closed.store(1, Relaxed);
        });
    }

    /// The sum over all connections.
    pub(crate) fn sum(&self, of: impl Fn(&Seen) -> &AtomicU64) -> u64 {
        self.seen.iter().map(|seen| of(seen).load(Relaxed)).sum()
    }

    /// Whether every connection was closed, or has begun all its calls.
    pub(crate) fn has_begun(&self, calls: u32) -> bool {
        self.seen.iter().all(|seen| seen.closed.load(Relaxed) == 1 || seen.begun.load(Relaxed) == u64::from(calls))
    }
}

async fn flood(stream: impl AsyncRead + AsyncWrite, calls: u32, seen: &Seen) {
    let (mut reader, mut writer) = split(stream);
    let (pinged, mut pings) = mpsc::channel::<Vec<u8>>(16);
    let writing = async {
        writer.write_all(&preface()).await?;
        let numbers: Vec<_> = (0..calls).collect();
        for some in numbers.chunks(AT_ONCE) {
            let frames: Vec<_> = some.iter().map(|call| frame(HEADERS, END_HEADERS, 1 + 2 * call, &head())).collect();
            writer.write_all(&frames.concat()).await?;
            writer.flush().await?;
            seen.begun.fetch_add(some.len() as u64, Relaxed);
        }
        while let Some(ping) = pings.recv().await {
            writer.write_all(&frame(PING, ACK, 0, &ping)).await?;
            writer.flush().await?;
        }
        std::io::Result::Ok(())
    };
    tokio::select! {
        _closed = writing => {}
        _closed = watch(&mut reader, seen, pinged) => {}
    }
}

/// Counts what comes back, until the node ends the connection.
async fn watch(
    reader: &mut (impl AsyncRead + Unpin),
    seen: &Seen,
    pinged: mpsc::Sender<Vec<u8>>,
) -> std::io::Result<()> {
    loop {
        let mut head = [0; 9];
        reader.read_exact(&mut head).await?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; length as usize];
        reader.read_exact(&mut payload).await?;
        let (kind, flags) = (head[3], head[4]);
        match kind {
            HEADERS if flags & END_STREAM != 0 => drop(seen.answered.fetch_add(1, Relaxed)),
            RESET if payload == u32::from(h2::Reason::REFUSED_STREAM).to_be_bytes() => {
                seen.reset.fetch_add(1, Relaxed);
            }
            PING if flags & ACK == 0 => drop(pinged.try_send(payload)),
            _ => {}
        }
    }
}

/// The head of a call, in literals that are not indexed (RFC 7541, section 6.2.2).
fn head() -> Vec<u8> {
    let fields = [
        (":method", "POST"),
        (":scheme", "https"),
        (":path", VALIDATE),
        (":authority", "session"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    ];
    let mut head = Vec::new();
    for (name, value) in fields {
        head.push(0);
        for text in [name, value] {
            head.push(u8::try_from(text.len()).expect("it is short"));
            head.extend(text.as_bytes());
        }
    }
    head
}
