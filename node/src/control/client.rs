//! The command's side: a running node over its socket, or one in this process.

use std::{io, path::Path};

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::UnixStream;
use tokio_util::codec::{Framed, LinesCodec};

use super::{Control, LINE_MAX_BYTES, Reply, Request, SOCKET};
use crate::exit::Failure;

/// Whoever answers control requests.
pub(crate) enum Desk {
    /// A running node.
    Remote(Box<Framed<UnixStream, LinesCodec>>),
    /// A node without a gateway in this process.
    Local(Control),
}

impl Desk {
    /// Connects to the node that runs on a data directory; none if none does.
    pub(crate) async fn remote(data: &Path) -> io::Result<Option<Self>> {
        match UnixStream::connect(data.join(SOCKET)).await {
            Ok(stream) => {
                let codec = LinesCodec::new_with_max_length(LINE_MAX_BYTES);
                Ok(Some(Self::Remote(Box::new(Framed::new(stream, codec)))))
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Asks, and waits for the answer.
    pub(crate) async fn ask(&mut self, request: Request) -> Result<Reply, Failure> {
        match self {
            Self::Local(control) => Ok(control.answer(request).await),
            Self::Remote(lines) => {
                let gone = || Failure::unavailable("the node went away; what it acknowledged stands: run this again");
                let request = serde_json::to_string(&request).expect("plain enums serialise");
                lines.send(request).await.map_err(|_| gone())?;
                let reply = lines.next().await.ok_or_else(gone)?.map_err(|_| gone())?;
                serde_json::from_str(&reply).map_err(|_| Failure::software("the node's answer cannot be understood"))
            }
        }
    }
}
