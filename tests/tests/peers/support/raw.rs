//! A connection on which anything may be written, from an address that no node has.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use rustls::ClientConfig;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
    time::timeout,
};
use tokio_rustls::client::TlsStream;

use super::caller::shake_hands;

/// Where strangers and broken peers come from.
const ELSEWHERE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 9);
/// Longer than a node bears with anything.
const PATIENCE: Duration = Duration::from_secs(20);

/// Such a connection, with or without TLS.
pub(crate) struct Raw<S>(pub(crate) S);

impl Raw<TcpStream> {
    pub(crate) async fn connect(to: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().expect("there are sockets");
        socket.bind((ELSEWHERE, 0).into()).expect("all of 127.0.0.0/8 is this machine's");
        Self(socket.connect(to).await.expect("somebody listens"))
    }

    /// Shakes hands as a node does.
    pub(crate) async fn by_tls(self, tls: ClientConfig) -> std::io::Result<Raw<TlsStream<TcpStream>>> {
        Ok(Raw(shake_hands(self.0, tls).await?))
    }
}

impl<S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin> Raw<S> {
    /// Writes it all, unless the other side has closed the connection.
    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        let _closed = async { self.0.write_all(bytes).await.and(self.0.flush().await) }.await;
    }

    /// Waits until the other side closes the connection.
    pub(crate) async fn sent_away(mut self) {
        let ended = timeout(PATIENCE, self.0.read_to_end(&mut Vec::new())).await;
        let _reset = ended.expect("the node ends it");
    }
}

/// What a client of HTTP/2 begins with: its preface, and settings that change nothing.
pub(crate) fn preface() -> Vec<u8> {
    const SETTINGS: u8 = 4;
    [&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &frame(SETTINGS, 0, 0, &[])].concat()
}

/// A frame (RFC 9113, section 4.1).
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("it is short").to_be_bytes();
    let head = [length[1], length[2], length[3], kind, flags];
    [&head[..], &stream.to_be_bytes(), payload].concat()
}
