//! The way to storage over HTTP.

use std::{path::Path, time::Duration};

use reqwest::{Certificate, Client, redirect};

use crate::Unopened;

/// A client that trusts the authorities of a file (PEM), beside the public ones, and follows nobody elsewhere.
///
/// # Errors
/// The operator's: the file cannot be used.
pub(super) fn client(ca_file: Option<&Path>, connect_timeout: Duration) -> Result<Client, Unopened> {
    let mut client = Client::builder().connect_timeout(connect_timeout).redirect(redirect::Policy::none());
    if let Some(file) = ca_file {
        let unusable =
            |error: &dyn std::fmt::Display| Unopened::for_good("ca_file", format!("{}: {error}", file.display()));
        let pem = std::fs::read(file).map_err(|error| unusable(&error))?;
        let authorities = Certificate::from_pem_bundle(&pem).map_err(|error| unusable(&error))?;
        client = client.tls_certs_merge(authorities);
    }
    client.build().map_err(|error| Unopened::for_good("ca_file", format!("no TLS: {error}")))
}
