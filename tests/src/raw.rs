//! A connection on which a test writes whatever it likes, as slowly as it likes.

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// A plain TCP connection to a listener.
pub struct Raw(TcpStream);

impl Raw {
    /// Connects to `http://host:port`.
    pub async fn connect(url: &str) -> Self {
        let address = url.strip_prefix("http://").expect("listeners speak http");
        Self(TcpStream::connect(address).await.unwrap())
    }

    /// Writes bytes.
    pub async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).await.unwrap();
    }

    /// Reads exactly so many bytes.
    pub async fn read(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.0.read_exact(&mut bytes).await.unwrap();
        bytes
    }

    /// Closes this end, and reads what comes until the other one closes.
    pub async fn finish(mut self) -> String {
        // Whoever was refused may find the connection closed already.
        let _closed = self.0.shutdown().await;
        self.rest().await
    }

    /// Reads what comes until the other end closes.
    pub async fn rest(mut self) -> String {
        let mut answer = Vec::new();
        let _reset = self.0.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    }
}
