//! Where a request comes from.
//!
//! Invariant: a forwarded address counts only as far as the chain of trusted proxies reaches; what a client writes into
//! the header itself is never believed.

use std::net::IpAddr;

use actix_web::{HttpRequest, http::header};
use portico_session::ClientInfo;

use crate::settings::Settings;

/// Where a request comes from, for its session to remember.
pub(crate) fn client_info(request: &HttpRequest) -> ClientInfo {
    let user_agent = request
        .headers()
        .get(header::USER_AGENT)
        .map(|value| String::from_utf8_lossy(value.as_bytes()).chars().take(ClientInfo::USER_AGENT_MAX).collect());
    ClientInfo { user_agent, address: client_address(request) }
}

/// The client's address: the peer's, or the right-most one in `X-Forwarded-For` that no trusted proxy has.
pub(crate) fn client_address(request: &HttpRequest) -> Option<IpAddr> {
    let settings = Settings::of(request);
    let peer = request.peer_addr()?.ip().to_canonical();
    if !settings.trusts(peer) {
        return Some(peer);
    }
    let lines: Vec<_> = request.headers().get_all("x-forwarded-for").collect();
    let hops = lines.iter().rev().flat_map(|line| line.to_str().unwrap_or_default().rsplit(','));
    let mut nearest = peer;
    for hop in hops {
        let Some(address) = parse_hop(hop.trim()) else { break };
        nearest = address;
        if !settings.trusts(address) {
            break;
        }
    }
    Some(nearest)
}

/// An address, with or without a port; some proxies write one.
fn parse_hop(hop: &str) -> Option<IpAddr> {
    let address = hop.parse().or_else(|_| hop.parse::<std::net::SocketAddr>().map(|address| address.ip())).ok();
    address.map(|address: IpAddr| address.to_canonical())
}
