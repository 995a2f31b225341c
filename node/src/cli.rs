//! The command line of `portico`.

use std::{net::SocketAddr, path::PathBuf};

#[cfg(feature = "distributed")]
use clap::ArgGroup;
use clap::{Args, Parser, Subcommand};
use portico_config::{Config, ContentAdapter, Mistakes, Role, Sources, load};

/// A self-hosted account backend: registration, sign-in, sessions, profiles, photos and logs behind one REST gateway.
///
/// Exit codes are those of sysexits.h: 64 usage, 65 refused input, 66 no input, 67 unknown user, 69 unavailable,
/// 70 internal, 73 cannot create, 74 input/output, 75 try again (another process holds the data directory),
/// 78 configuration.
#[derive(Debug, Parser)]
#[command(name = "portico", version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) settings: Settings,
    /// Without one: `up`.
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// Where the configuration comes from; later beats earlier: defaults, files, environment (`PORTICO__SECTION__KEY`),
/// flags.
#[derive(Debug, Args)]
pub(crate) struct Settings {
    /// A YAML file with the keys that differ from the defaults; may be repeated
    #[arg(long = "config", short = 'c', value_name = "FILE", global = true)]
    files: Vec<PathBuf>,
    /// The data directory [config: data.dir]
    #[arg(long, value_name = "DIR", global = true)]
    data_dir: Option<PathBuf>,
    /// Where the public REST API listens [config: gateway.listen]
    #[arg(long, value_name = "ADDR:PORT", global = true)]
    listen: Option<SocketAddr>,
    /// Where the operator's listener listens [config: operator.listen]
    #[arg(long, value_name = "ADDR:PORT", global = true)]
    operator_listen: Option<SocketAddr>,
    /// Any other key, such as `session.idle_s=3600`; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = pair, global = true)]
    pairs: Vec<(String, String)>,
}

impl Settings {
    /// The configuration in force.
    pub(crate) fn load(&self) -> Result<Config, Mistakes> {
        self.load_for(&[])
    }

    /// The same for a process that hosts `roles`; as configured if none are named.
    pub(crate) fn load_for(&self, roles: &[Role]) -> Result<Config, Mistakes> {
        let flag = |key: &str, value: Option<String>| value.map(|value| (key.to_owned(), value));
        let named = [
            flag("data.dir", self.data_dir.as_ref().map(|dir| dir.display().to_string())),
            flag("gateway.listen", self.listen.map(|address| address.to_string())),
            flag("operator.listen", self.operator_listen.map(|address| address.to_string())),
            flag("node.roles", (!roles.is_empty()).then(|| list(roles))),
        ];
        let flags = self.pairs.iter().cloned().chain(named.into_iter().flatten()).collect();
        load(&Sources { files: self.files.clone(), environment: true, flags })
    }
}

/// Roles as a value of the configuration.
fn list(roles: &[Role]) -> String {
    format!("[{}]", roles.iter().map(|role| role.name()).collect::<Vec<_>>().join(", "))
}

fn role(text: &str) -> Result<Role, String> {
    Role::named(text).ok_or_else(|| "must be gateway, user, session, photo or log".to_owned())
}

#[cfg(feature = "distributed")]
fn address(text: &str) -> Result<String, String> {
    portico_config::host_of(text).map(|_| text.to_owned()).ok_or_else(|| "must be HOST:PORT".to_owned())
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').unwrap_or_default();
    let key = key.trim();
    if key.split('.').any(str::is_empty) {
        return Err("must be KEY=VALUE, such as session.idle_s=3600".to_owned());
    }
    Ok((key.to_owned(), value.trim().to_owned()))
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve everything in one process, until SIGTERM or SIGINT (this is what `portico` alone does)
    Up,
    /// Serve a part of it, beside other nodes that serve the rest (`node` in the configuration names them)
    Node {
        /// What this process hosts: gateway, user, session, photo or log; may be repeated [config: node.roles]
        #[arg(long = "role", value_name = "ROLE", value_parser = role)]
        roles: Vec<Role>,
    },
    /// Bring the databases up to date (`up` does it by itself)
    Migrate,
    /// Look at the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print the REST contract (OpenAPI 3.1) that the binary serves
    Openapi,
    /// Print log records, the oldest first
    Logs(Logs),
    /// Manage photos' content; works beside a running node and without one
    #[command(subcommand)]
    Photos(PhotosCommand),
    /// Take everything but photos' bytes and log files from one installation to another, such as from the embedded node to
    /// PostgreSQL and Redis
    #[command(subcommand)]
    Data(DataCommand),
    /// Manage users; works beside a running node and without one
    #[command(subcommand)]
    User(UserCommand),
    /// Make the certificates by which nodes know each other (`node.tls`)
    #[cfg(feature = "distributed")]
    #[command(subcommand)]
    Certs(CertsCommand),
}

#[cfg(feature = "distributed")]
#[derive(Debug, Subcommand)]
pub(crate) enum CertsCommand {
    /// Make a private authority: ca.pem, which every node is given, and ca.key, which no node is
    Init {
        /// The directory
        #[arg(long, value_name = "DIR", default_value = "certs")]
        dir: PathBuf,
        /// How long it is good for
        #[arg(long, value_name = "DAYS", default_value_t = 3650)]
        days: u32,
    },
    /// Make a certificate and a key for nodes of some roles, or for an operator, in NAME.pem and NAME.key
    #[command(group(ArgGroup::new("whose").args(["roles", "operator"]).required(true).multiple(true)))]
    Issue {
        /// The directory of the authority
        #[arg(long, value_name = "DIR", default_value = "certs")]
        dir: PathBuf,
        /// What the node hosts: gateway, user, session, photo or log; may be repeated
        #[arg(long = "role", value_name = "ROLE", value_parser = role)]
        roles: Vec<Role>,
        /// For somebody who reads what all nodes have logged (`portico logs --from`), and no node
        #[arg(long, conflicts_with = "roles")]
        operator: bool,
        /// What the files are called; by the roles if nothing is said
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        /// How long it is good for
        #[arg(long, value_name = "DAYS", default_value_t = 90)]
        days: u32,
    },
    /// Issue anew what expires soon, each with a new key; running nodes take the new files by themselves
    Renew {
        /// The directory of the authority
        #[arg(long, value_name = "DIR", default_value = "certs")]
        dir: PathBuf,
        /// How soon
        #[arg(long, value_name = "DAYS", default_value_t = 30)]
        within_days: u32,
        /// How long the new ones are good for
        #[arg(long, value_name = "DAYS", default_value_t = 90)]
        days: u32,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Name every mistake, with file, line and key
    Check,
    /// Print the configuration in force
    Show {
        /// Print the commented defaults instead
        #[arg(long)]
        default: bool,
    },
}

/// Which records, and how they are printed.
#[derive(Debug, Args)]
pub(crate) struct Logs {
    /// Only records of these services (user, session, photo, log, gateway, bus, node, ...)
    #[arg(long, short, value_name = "NAME")]
    pub(crate) service: Vec<String>,
    /// Only records of this level or above: trace, debug, info, warn, error
    #[arg(long, short)]
    pub(crate) level: Option<String>,
    /// Only records of this trace
    #[arg(long, short, value_name = "TRACE_ID")]
    pub(crate) trace: Option<String>,
    /// Only records since this time: RFC 3339, or an age such as 15m, 2h, 7d
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
    /// Only records until this time: RFC 3339, or an age
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
    /// Only the last N records
    #[arg(long, short = 'n', value_name = "N")]
    pub(crate) last: Option<usize>,
    /// Go on printing records as they come
    #[arg(long, short)]
    pub(crate) follow: bool,
    /// Print records as JSON lines, as they stand in the files
    #[arg(long)]
    pub(crate) json: bool,
    /// Read what the node at HOST:PORT (its `node.listen`) keeps, and not the files here; repeated for nodes that keep a part each
    ///
    /// `node.tls` must name an operator's certificate (`portico certs issue --operator`), unless the node is on this machine and
    /// both have `node.plaintext`. Records of several nodes are merged by time; followed, they come as they are written.
    #[cfg(feature = "distributed")]
    #[arg(long, value_name = "HOST:PORT", value_parser = address)]
    pub(crate) from: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PhotosCommand {
    /// Move the content of all photos from one place to another, while the node serves
    ///
    /// First have every node run with the new place as `photo.content.adapter` and the old one as `photo.content.also`.
    /// Each photo is copied, read back, compared with the hash that it was uploaded with, and then deleted where it was. A
    /// move that was broken off is simply run again. Photos that cannot be moved are told and stay where they are: the exit
    /// code is then 65, or 75 where deletions are still to come.
    Move {
        /// The place that is left: files (or fs), s3 or mega
        #[arg(long, value_name = "PLACE", value_parser = place)]
        from: ContentAdapter,
        /// The place where they go
        #[arg(long, value_name = "PLACE", value_parser = place)]
        to: ContentAdapter,
    },
}

fn place(text: &str) -> Result<ContentAdapter, String> {
    match text {
        "files" | "fs" => Ok(ContentAdapter::Files),
        "s3" => Ok(ContentAdapter::S3),
        "mega" => Ok(ContentAdapter::Mega),
        _ => Err("must be files, s3 or mega".to_owned()),
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum DataCommand {
    /// Write all rows of the configured stores into a directory of files
    ///
    /// Users with their password hashes, sessions, photos' rows, idempotency keys, events that wait, and the node's secret:
    /// guard the directory as you guard the databases (it is made with mode 0700). It is made if need be, and must hold
    /// nothing but what an export that was broken off has left. No node may run meanwhile. The exit code is 0 once everything
    /// is on the disk, with a manifest that tells the count and SHA-256 of each file.
    Export {
        /// The directory
        directory: PathBuf,
    },
    /// Take an export into the configured stores, which must hold nothing
    ///
    /// Every file is held against the manifest, and every line against its rules, before anything is written; what is wrong
    /// is told with file and line. Then all rows go in, and what the stores hold is compared with the export: the exit code is
    /// 0 if that is the same. An import that was broken off, however it was, is simply run again; until it has ended no node
    /// starts over these stores. No node may run meanwhile.
    Import {
        /// The directory that `portico data export` wrote
        directory: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// Give an account a random one-time password, printed on standard output, and end all its sessions
    ///
    /// It signs in once, within 24 hours. Signed in, its owner chooses a password (PATCH /me/update), with the one-time
    /// password as the current one. Who loses that session before, or comes too late, needs another reset.
    ResetPassword {
        /// The account's e-mail address
        email: String,
    },
    /// End all sessions of an account; its password stays
    SignOut {
        /// The account's e-mail address
        email: String,
    },
    /// Take over accounts from JSON lines, `{"name": .., "email": .., "password_hash": ..}`, with a bcrypt or argon2 hash
    ///
    /// Accounts that are there already are left as they are, so that an import that was interrupted is simply run
    /// again. What was refused is reported with line and reason, and the exit code is then 65.
    Import {
        /// The file, or - for standard input
        file: PathBuf,
        /// Write the report of refused lines here (JSON lines) instead of to standard error
        #[arg(long, value_name = "FILE")]
        report: Option<PathBuf>,
    },
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_settings_flag_needs_no_command() {
        let cli = Cli::parse_from(["portico", "--data-dir", "elsewhere"]);

        assert!(cli.command.is_none());
    }

    #[test]
    fn a_pair_without_a_key_is_told_what_it_should_be() {
        for wrong in ["=3", " = 3", "session.idle_s", "", ".=1", "session..idle_s=1"] {
            let error = Cli::try_parse_from(["portico", "--set", wrong]).unwrap_err().to_string();

            assert!(error.contains("must be KEY=VALUE, such as session.idle_s=3600"), "{wrong}: {error}");
        }
    }

    #[test]
    fn a_place_is_named_as_in_the_configuration() {
        for (name, expected) in [("files", "files"), ("fs", "files"), ("s3", "s3"), ("mega", "mega")] {
            assert_eq!(place(name).unwrap().as_str(), expected);
        }
        assert!(place("ftp").is_err());
    }

    #[test]
    fn flags_beat_the_defaults() {
        let cli = Cli::parse_from(["portico", "up", "--listen", "127.0.0.1:0", "--set", "session.idle_s=120"]);

        let config = cli.settings.load().unwrap();

        assert_eq!((config.gateway.listen.port(), config.session.idle_s), (0, 120));
    }
}
