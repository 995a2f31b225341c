//! What counts as one address.

use std::net::IpAddr;

/// An address as limits count it: IPv4 whole, IPv6 by its /64, since one customer has that many at the least (RFC 6177).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum AddressKey {
    V4([u8; 4]),
    V6([u8; 8]),
    /// All peers that have no address share one budget.
    Unknown,
}

impl From<Option<IpAddr>> for AddressKey {
    fn from(address: Option<IpAddr>) -> Self {
        match address.map(|address| address.to_canonical()) {
            Some(IpAddr::V4(address)) => Self::V4(address.octets()),
            Some(IpAddr::V6(address)) => {
                let [network @ .., _, _, _, _, _, _, _, _] = address.octets();
                Self::V6(network)
            }
            None => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> AddressKey {
        AddressKey::from(Some(text.parse::<IpAddr>().unwrap()))
    }

    #[test]
    fn addresses_of_one_ipv6_network_of_64_bits_count_as_one() {
        assert_eq!(key("2001:db8:1:2::1"), key("2001:db8:1:2:ffff:ffff:ffff:ffff"));
        assert_ne!(key("2001:db8:1:2::1"), key("2001:db8:1:3::1"));
    }

    #[test]
    fn every_ipv4_address_counts_by_itself_however_it_is_written() {
        assert_ne!(key("192.0.2.1"), key("192.0.2.2"));
        assert_eq!(key("::ffff:192.0.2.1"), key("192.0.2.1"));
    }
}
