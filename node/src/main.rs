//! The binary `portico`: reads the configuration, picks the adapters, builds the supervision tree, serves and drains.
//! The only place that knows everything.

#![deny(clippy::unwrap_used)]

mod adapters;
mod cli;
mod commands;
mod control;
mod domains;
mod exit;
mod metrics;
mod node;
#[cfg(feature = "distributed")]
mod nodes;
#[cfg(not(feature = "distributed"))]
#[path = "nodes/unbuilt.rs"]
mod nodes;
mod operator;
mod otlp;
mod output;
mod readiness;
mod shutdown;
#[cfg(feature = "distributed")]
mod spans;
mod telemetry;
#[cfg(feature = "distributed")]
mod threads;
#[cfg(feature = "distributed")]
mod trust;

use std::process::ExitCode;

use clap::Parser as _;

use crate::{
    cli::{Cli, Command, PhotosCommand},
    exit::{Failure, USAGE},
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _unwritable = error.print();
            return if error.use_stderr() { ExitCode::from(USAGE) } else { ExitCode::SUCCESS };
        }
    };
    // Whatever this process makes is its owner's alone, databases and logs included.
    rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
    rustls::crypto::ring::default_provider().install_default().expect("no other provider was installed before");
    match actix::System::new().block_on(run(cli)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

async fn run(cli: Cli) -> Result<(), Failure> {
    match cli.command.as_ref().unwrap_or(&Command::Up) {
        Command::Up => Box::pin(commands::up::run(cli.settings.load()?)).await,
        Command::Node { roles } => {
            let config = cli.settings.load_for(roles)?;
            Box::pin(commands::up::run(config)).await
        }
        Command::Migrate => Box::pin(commands::migrate::run(&cli.settings.load()?)).await,
        Command::Config(command) => commands::config::run(&cli.settings, command),
        Command::Openapi => output::print(portico_gateway::openapi_json()),
        Command::Logs(wanted) => Box::pin(commands::logs::run(&cli.settings.load()?, wanted)).await,
        Command::Photos(PhotosCommand::Move { from, to }) => {
            Box::pin(commands::photos::run(cli.settings.load()?, *from, *to)).await
        }
        Command::Data(command) => Box::pin(commands::data::run(&cli.settings.load()?, command)).await,
        #[cfg(feature = "distributed")]
        Command::Certs(command) => commands::certs::run(command),
        Command::User(command) => Box::pin(commands::user::run(cli.settings.load()?, command)).await,
    }
}
