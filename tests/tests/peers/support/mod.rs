//! A node with sessions, a front that asks it, and whoever else comes to its port.

mod caller;
mod certs;
mod flood;
mod mesh;
mod raw;
mod refusals;

pub(crate) use self::{
    caller::Caller,
    certs::Certs,
    flood::Flood,
    mesh::{Mesh, register, try_to_register},
    raw::{Raw, frame, preface},
    refusals::{has_refused, refused, told},
};

/// A call of the session domain that every version has.
pub(crate) const VALIDATE: &str = "/portico.session.v1.Sessions/ValidateSession";
/// Canonical codes (<https://grpc.io/docs/guides/status-codes/>).
pub(crate) const PERMISSION_DENIED: u32 = 7;
/// There is no such call.
pub(crate) const UNIMPLEMENTED: u32 = 12;
/// What a node says of a token that opens no session.
pub(crate) const UNAUTHENTICATED: u32 = 16;

/// `ValidateSessionRequest` of a token that opens no session, as a message of gRPC.
pub(crate) fn no_session() -> Vec<u8> {
    let token = "A".repeat(43);
    let field = [&[0x0a, 43][..], token.as_bytes()].concat(); // string token = 1
    [&[0, 0, 0, 0, 45][..], &field].concat()
}
