//! `portico certs init|issue|renew`: a private authority, for people who have none, and the certificates of their nodes.
//!
//! A certificate names the roles of its node, as DNS names: by these nodes tell what another one is, wherever it runs. An
//! operator's names that.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use portico_bus::grpc::OPERATOR;
use portico_config::Role;
use portico_kernel::{Clock as _, SystemClock};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use time::{Duration, OffsetDateTime};
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

use crate::{
    cli::CertsCommand,
    exit::Failure,
    output::{print, tell},
};

const AUTHORITY: &str = "ca";
const CERTIFICATE: &str = "pem";
const KEY: &str = "key";
/// Clocks of nodes may differ by this much.
const CLOCK_SKEW: Duration = Duration::HOUR;

/// Runs the command.
///
/// # Errors
/// The operator's: a file is there already, is missing or cannot be used.
pub(crate) fn run(command: &CertsCommand) -> Result<(), Failure> {
    match command {
        CertsCommand::Init { dir, days } => init(dir, *days),
        CertsCommand::Issue { dir, roles, operator, name, days } => {
            let names = if *operator { vec![OPERATOR.to_owned()] } else { names(roles) };
            issue(dir, name.as_deref().unwrap_or(&names.join("-")), &names, *days)
        }
        CertsCommand::Renew { dir, within_days, days } => renew(dir, *within_days, *days),
    }
}

fn init(dir: &Path, days: u32) -> Result<(), Failure> {
    let certificate = file(dir, AUTHORITY, CERTIFICATE);
    if certificate.exists() || file(dir, AUTHORITY, KEY).exists() {
        let told = format!("{}: an authority is there already, and every node trusts it", certificate.display());
        return Err(Failure::cannot_create(told));
    }
    fs::create_dir_all(dir).map_err(unwritten(dir))?;
    let mut params = params("Portico's private authority", days);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let key = KeyPair::generate().map_err(Failure::software)?;
    let signed = params.self_signed(&key).map_err(Failure::software)?;
    keep(dir, AUTHORITY, &signed.pem(), &key)?;
    tell("Keep ca.key where no node can read it; ca.pem goes to every node (node.tls.ca_file).");
    print(&format!("{}\n", certificate.display()))
}

fn issue(dir: &Path, name: &str, names: &[String], days: u32) -> Result<(), Failure> {
    if name.is_empty()
        || name == AUTHORITY
        || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    {
        return Err(Failure::usage("--name: must be letters, digits, dots, dashes and underscores, and not ca"));
    }
    sign(dir, name, names, days)?;
    print(&format!("{}\n", file(dir, name, CERTIFICATE).display()))
}

/// Issues anew what expires soon, with a new key, under the same names.
fn renew(dir: &Path, within_days: u32, days: u32) -> Result<(), Failure> {
    let soon = SystemClock.now() + Duration::days(within_days.into());
    let mut issued: Vec<_> = fs::read_dir(dir).map_err(unread(dir))?.collect::<Result<_, io::Error>>()?;
    issued.sort_by_key(fs::DirEntry::path);
    for path in issued.iter().map(fs::DirEntry::path) {
        let is_certificate = path.extension().is_some_and(|extension| extension == CERTIFICATE);
        let name = path.file_stem().and_then(|name| name.to_str()).filter(|name| is_certificate && *name != AUTHORITY);
        let Some(name) = name else { continue };
        let (names, expires) = read(&path)?;
        if expires < soon {
            sign(dir, name, &names, days)?;
            print(&format!("{}\n", path.display()))?;
        }
    }
    Ok(())
}

/// The names of a certificate, and when it expires.
fn read(path: &Path) -> Result<(Vec<String>, OffsetDateTime), Failure> {
    let damaged = || Failure::data(format!("{}: is no certificate of a node", path.display()));
    let der = CertificateDer::from_pem_file(path).map_err(|_| damaged())?;
    let (_, certificate) = X509Certificate::from_der(&der).map_err(|_| damaged())?;
    let names = certificate.subject_alternative_name().ok().flatten().ok_or_else(damaged)?.value;
    let names = names.general_names.iter().filter_map(|name| match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        _ => None,
    });
    Ok((names.collect(), certificate.validity().not_after.to_datetime()))
}

/// Signs a certificate for a new key, and keeps both.
fn sign(dir: &Path, name: &str, names: &[String], days: u32) -> Result<(), Failure> {
    let authority = authority(dir)?;
    let mut params = params(&format!("Portico {}", names.join(" ")), days);
    params.subject_alt_names = CertificateParams::new(names).map_err(Failure::software)?.subject_alt_names;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    params.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate().map_err(Failure::software)?;
    let signed = params.signed_by(&key, &authority).map_err(Failure::software)?;
    keep(dir, name, &signed.pem(), &key)
}

fn authority(dir: &Path) -> Result<Issuer<'static, KeyPair>, Failure> {
    let (certificate, key) = (file(dir, AUTHORITY, CERTIFICATE), file(dir, AUTHORITY, KEY));
    let missing = |path: &Path| {
        let told = format!("{}: no authority is there; `portico certs init` makes one", path.display());
        move |_| Failure::no_input(told)
    };
    let refused = |path: &Path| {
        let told = format!("{}: is not the authority's", path.display());
        move |error| Failure::data(format!("{told}: {error}"))
    };
    let pem = fs::read_to_string(&certificate).map_err(missing(&certificate))?;
    let key_pem = fs::read_to_string(&key).map_err(missing(&key))?;
    let key = KeyPair::from_pem(&key_pem).map_err(refused(&key))?;
    Issuer::from_ca_cert_pem(&pem, key).map_err(refused(&certificate))
}

fn params(common_name: &str, days: u32) -> CertificateParams {
    let now = SystemClock.now();
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    (params.not_before, params.not_after) = (now - CLOCK_SKEW, now + Duration::days(days.into()));
    params
}

/// Each file comes whole under its name, the key first: a node that looks in between finds two that do not go together, and
/// looks again.
fn keep(dir: &Path, name: &str, certificate: &str, key: &KeyPair) -> Result<(), Failure> {
    replace(&file(dir, name, KEY), &key.serialize_pem())?;
    replace(&file(dir, name, CERTIFICATE), certificate)
}

fn replace(path: &Path, text: &str) -> Result<(), Failure> {
    let new = path.with_extension("new");
    fs::write(&new, text).and_then(|()| fs::rename(&new, path)).map_err(unwritten(path))
}

fn names(roles: &[Role]) -> Vec<String> {
    roles.iter().map(|role| role.name().to_owned()).collect()
}

fn file(dir: &Path, name: &str, extension: &str) -> PathBuf {
    dir.join(format!("{name}.{extension}"))
}

fn unwritten(path: &Path) -> impl FnOnce(io::Error) -> Failure + use<> {
    let path = path.display().to_string();
    move |error| Failure::cannot_create(format!("{path}: {error}"))
}

fn unread(path: &Path) -> impl FnOnce(io::Error) -> Failure + use<> {
    let path = path.display().to_string();
    move |error| Failure::no_input(format!("{path}: {error}"))
}
