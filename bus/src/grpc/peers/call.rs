//! A call, as it is made of one node or another.

use portico_kernel::FieldError;
use tonic::{Request, Response, Status, Streaming, client::Grpc, codegen::http::uri::PathAndQuery};
use tonic_prost::ProstCodec;

use super::link::Sending;
use crate::grpc::{Answer as _, Domain, Rpc, Streamed};

/// What comes back of a call, before it is read.
pub(in crate::grpc) type Returned<C> = Result<Response<<C as Call>::Response>, Status>;

/// What a call is answered with, or why not.
pub(in crate::grpc) type CallOutcome<C> = Result<<C as Call>::Answer, <<C as Call>::Domain as Domain>::Error>;

/// A call, which is made of one node after the other until one takes it.
pub(in crate::grpc) trait Call: Send {
    /// Whose call it is.
    type Domain: Domain;
    /// What comes back.
    type Response: Send;
    /// What that says.
    type Answer: Send;

    /// The path of the call.
    const PATH: &'static str;
    /// Whether content goes with it, which takes as long as the client at the far end of it does.
    const CARRIES: bool = false;
    /// Whether a deadline that passes tells something of the node: not where it waits for what the caller sends.
    const IS_PROMPT: bool = true;

    /// Makes it, with the metadata of `head`.
    fn make(&mut self, grpc: Grpc<Sending>, head: Request<()>) -> impl Future<Output = Returned<Self>> + Send
    where
        Self: Sized;

    /// Whether it can be made again: nothing of it is gone. What became of it so far goes on without it.
    fn rewind(&mut self) -> bool {
        true
    }

    /// Reads what came back.
    ///
    /// # Errors
    /// The other node's: the field that cannot be understood.
    fn read(response: Self::Response) -> Result<Self::Answer, FieldError>;
}

/// One message, and one back.
pub(in crate::grpc) struct Unary<M: Rpc>(M::Wire);

impl<M: Rpc> Unary<M> {
    pub(in crate::grpc) fn new(message: M) -> Self {
        Self(message.write())
    }
}

impl<M: Rpc> Call for Unary<M> {
    type Domain = M::Domain;
    type Response = M::Response;
    type Answer = M::Answer;

    const PATH: &'static str = M::PATH;

    fn make(&mut self, mut grpc: Grpc<Sending>, head: Request<()>) -> impl Future<Output = Returned<Self>> + Send {
        let request = head.map(|()| self.0.clone());
        let codec = ProstCodec::<M::Wire, M::Response>::default();
        async move { grpc.unary(request, PathAndQuery::from_static(M::PATH), codec).await }
    }

    fn read(response: M::Response) -> Result<M::Answer, FieldError> {
        response.read()
    }
}

/// One message, and many parts back.
pub(in crate::grpc) struct ServerStreaming<M: Streamed>(M::Wire);

impl<M: Streamed> ServerStreaming<M> {
    pub(in crate::grpc) fn new(message: M) -> Self {
        Self(message.write())
    }
}

impl<M: Streamed> Call for ServerStreaming<M> {
    type Domain = M::Domain;
    type Response = Streaming<M::Part>;
    type Answer = Streaming<M::Part>;

    const PATH: &'static str = M::PATH;
    const CARRIES: bool = true;

    fn make(&mut self, mut grpc: Grpc<Sending>, head: Request<()>) -> impl Future<Output = Returned<Self>> + Send {
        let request = head.map(|()| self.0.clone());
        let codec = ProstCodec::<M::Wire, M::Part>::default();
        async move { grpc.server_streaming(request, PathAndQuery::from_static(M::PATH), codec).await }
    }

    fn read(response: Self::Response) -> Result<Self::Answer, FieldError> {
        Ok(response)
    }
}
