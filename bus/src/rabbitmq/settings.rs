//! Where the server is, and how it is reached.

use std::{fs, path::PathBuf};

use lapin::{
    tcp::OwnedTLSConfig,
    uri::{AMQPScheme, AMQPUri},
};
use secrecy::{ExposeSecret as _, SecretString};

use super::Unusable;

/// A server that says nothing for twice as long is given up, and so is a node that does.
const HEARTBEAT_S: u16 = 10;

/// How a server is reached.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `amqps://user:password@host:5671/vhost`, or `amqp:` for one without TLS.
    pub url: SecretString,
    /// The authorities that vouch for it (PEM), beside the public ones.
    pub ca_file: Option<PathBuf>,
}

impl Settings {
    /// What the client makes of it.
    pub(super) fn target(&self) -> Result<(AMQPUri, OwnedTLSConfig), Unusable> {
        let url = self.url.expose_secret();
        // The client's own words could repeat a part of the URL.
        let malformed = |_| Unusable::for_good("url", "must be a URL such as amqps://user:password@host:5671/vhost");
        let mut uri: AMQPUri = url.parse().map_err(malformed)?;
        // The client would go to localhost instead.
        if url.rsplit('@').next().is_some_and(|host| host.trim_start_matches("amqps://").starts_with('[')) {
            return Err(Unusable::for_good("url", "must name the host, or its IPv4 address"));
        }
        uri.query.heartbeat = Some(HEARTBEAT_S);
        let ca = match (&self.ca_file, &uri.scheme) {
            (Some(file), AMQPScheme::AMQPS) => {
                let unread = |error| Unusable::for_good("tls.ca_file", format!("{}: {error}", file.display()));
                Some(fs::read_to_string(file).map_err(unread)?)
            }
            _ => None,
        };
        Ok((uri, OwnedTLSConfig { identity: None, cert_chain: ca }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(url: &str) -> Result<(AMQPUri, OwnedTLSConfig), Unusable> {
        Settings { url: url.into(), ca_file: None }.target()
    }

    #[test]
    fn a_url_names_scheme_host_user_and_virtual_host() {
        let (uri, _) = target("amqps://ann:se%2Fcret@mq.example.org/%2fportico").unwrap();

        assert_eq!((uri.scheme, uri.authority.port), (AMQPScheme::AMQPS, 5671));
        assert_eq!((uri.authority.host.as_str(), uri.vhost.as_str()), ("mq.example.org", "/portico"));
        assert_eq!(uri.authority.userinfo.password, "se/cret");
    }

    #[test]
    fn what_is_no_such_url_is_refused_without_repeating_it() {
        for url in ["redis://ann:hunter2@host/0", "hunter2", "amqp://ann:hunter2@[::1]:5672/v", "amqps://[::1]"] {
            let refused = target(url).unwrap_err();

            assert_eq!((refused.key, refused.passes), ("url", false));
            assert!(!refused.to_string().contains("hunter2"), "{refused}");
        }
    }
}
