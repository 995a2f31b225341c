//! Peers that are no nodes, or broken ones.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use h2::{Reason, server::SendResponse};
use hyper::body::Bytes;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinHandle,
};

use super::Place;

/// Whatever listens at `address` and is no node. It ends when it is dropped.
pub(crate) struct Rogue {
    pub(crate) address: SocketAddr,
    /// Calls that reached it.
    pub(crate) calls: Arc<AtomicUsize>,
    place: Place,
    task: JoinHandle<()>,
}

/// The type of a frame that begins a call, and of the one that ends a connection (RFC 9113, section 6).
const HEADERS: u8 = 1;
const GOAWAY: u8 = 7;

impl Rogue {
    async fn new<F, Fut>(serve: F) -> Self
    where
        F: Fn(TcpStream, Arc<AtomicUsize>) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let (place, calls) = (Place::new(), Arc::<AtomicUsize>::default());
        let listener = place.listen().await;
        let counted = Arc::clone(&calls);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&counted)));
            }
        });
        Self { address: place.address, place, calls, task }
    }

    /// Listens no more. Answers where it did.
    pub(crate) async fn end(mut self) -> Place {
        self.task.abort();
        let _aborted = (&mut self.task).await;
        self.place.clone()
    }

    /// Accepts and never says anything.
    pub(crate) async fn mute() -> Self {
        Self::new(|stream, _| async move {
            std::future::pending::<()>().await;
            drop(stream);
        })
        .await
    }

    /// Speaks another protocol.
    pub(crate) async fn garbage() -> Self {
        Self::new(|mut stream, _| async move {
            let _gone = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").await;
            let _gone = stream.read_to_end(&mut Vec::new()).await;
        })
        .await
    }

    /// Speaks HTTP/2, and has `respond` treat each call.
    pub(crate) async fn http2(respond: impl Fn(SendResponse<Bytes>) + Clone + Send + Sync + 'static) -> Self {
        Self::new(move |stream, calls| {
            let respond = respond.clone();
            async move {
                let Ok(mut connection) = h2::server::handshake(stream).await else { return };
                while let Some(Ok((_, response))) = connection.accept().await {
                    calls.fetch_add(1, Ordering::SeqCst);
                    respond(response);
                }
            }
        })
        .await
    }

    /// Resets every call for `reason`.
    pub(crate) async fn resetting(reason: Reason) -> Self {
        Self::http2(move |mut response| response.send_reset(reason)).await
    }

    /// Answers the first call of each connection with a status of no node's, and says of the second that it does not heed it.
    pub(crate) async fn leaving_after_one_answer() -> Self {
        Self::new(|mut stream, calls| async move {
            if read_head(&mut stream).await.is_some() {
                calls.fetch_add(1, Ordering::SeqCst);
                stream.write_all(&unknown_status()).await.unwrap();
            }
            if read_frames(&mut stream).await.is_some() {
                calls.fetch_add(1, Ordering::SeqCst);
                stream.write_all(&goaway(1)).await.unwrap();
                let _gone = stream.read_to_end(&mut Vec::new()).await;
            }
        })
        .await
    }

    /// Reads the head of a call, says that the last one it heeds is `last`, and closes the connection.
    pub(crate) async fn leaving_after(last: u32) -> Self {
        Self::new(move |mut stream, calls| async move {
            if read_head(&mut stream).await.is_some() {
                calls.fetch_add(1, Ordering::SeqCst);
                stream.write_all(&goaway(last)).await.unwrap();
                stream.shutdown().await.unwrap();
                let _gone = stream.read_to_end(&mut Vec::new()).await;
            }
        })
        .await
    }
}

/// Greets as a server, and reads up to the first call's head.
async fn read_head(stream: &mut TcpStream) -> Option<()> {
    let mut preface = [0; 24];
    stream.read_exact(&mut preface).await.ok()?;
    stream.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).await.ok()?;
    read_frames(stream).await
}

/// The end of a connection of which `last` is the last call that was heeded.
fn goaway(last: u32) -> Vec<u8> {
    let mut goaway = vec![0, 0, 8, GOAWAY, 0, 0, 0, 0, 0];
    goaway.extend(last.to_be_bytes());
    goaway.extend(0_u32.to_be_bytes()); // no error
    goaway
}

/// The answer `grpc-status: 2` to the first call of a connection, and no more.
fn unknown_status() -> Vec<u8> {
    let mut head = vec![0x88]; // :status 200 (RFC 7541, appendix A)
    for (name, value) in [("content-type", "application/grpc"), ("grpc-status", "2")] {
        head.push(0); // a literal that is not indexed
        for text in [name, value] {
            head.push(u8::try_from(text.len()).unwrap());
            head.extend(text.as_bytes());
        }
    }
    let mut frame = vec![0, 0, u8::try_from(head.len()).unwrap(), HEADERS, 5, 0, 0, 0, 1];
    frame.extend(head);
    frame
}

/// Reads up to the next call's head.
async fn read_frames(stream: &mut TcpStream) -> Option<()> {
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await.ok()?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        stream.read_exact(&mut vec![0; length.try_into().ok()?]).await.ok()?;
        if head[3] == HEADERS {
            return Some(());
        }
    }
}

impl Drop for Rogue {
    fn drop(&mut self) {
        self.task.abort();
    }
}
