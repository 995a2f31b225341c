//! Commands and queries over gRPC: a domain on another node, and the domains of this one for others.
//!
//! Invariant: whoever asks through a bridge learns what it would learn of a local actor: the same answer, the same error, and
//! whether the call ran. [`AskError::Unavailable`](portico_kernel::AskError) means that it provably did not: no connection
//! was made, the stream was refused, or the other node said so. Whatever else goes wrong on the way is
//! [`Late`](portico_kernel::AskError): it may have run, and nothing repeats it.
//!
//! `proto` is what the contracts in `bus/proto` become, `wire` how the domains' values travel. [`Server`] turns calls into
//! asks; [`Bridge`] is what an [`Ask`](portico_kernel::Ask) is made of where a domain is elsewhere, over [`Peers`], the
//! nodes that host it. Deadline and trace travel along, and `span` says of each call what became of it. Pictures go in chunks, and no faster than they are taken.
//!
//! ```text
//! let server = Server::new(limits).sessions(asks);              // on the node that hosts sessions
//! server.serve(listener, stopped).await?;
//!
//! let peers = Peers::new(Settings::of(["session:7400"]));      // on a node that does not
//! let sessions: Bridge<Sessions> = Bridge::new(peers);
//! let create: Ask<Create> = Ask::new(sessions.clone());         // and so on, one Ask for each message
//! ```

mod bridge;
mod peers;
pub mod proto;
mod server;
mod span;
mod wire;

pub use self::{
    bridge::Bridge,
    peers::{PeerState, Peers, Settings},
    server::{Caller, Limits, OPERATOR, Refusal, Refusals, Server, ServerError},
    wire::{Answer, Domain, DomainError, Form, Logs, Outcome, Photos, Rpc, Sessions, Streamed, Users},
};
