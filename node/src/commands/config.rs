//! `portico config check|show`.

use portico_config::DEFAULT_YML;

use crate::{
    adapters,
    cli::{ConfigCommand, Settings},
    exit::Failure,
    output::print,
};

/// Runs the command.
///
/// # Errors
/// The operator's: every mistake of the configuration, or every adapter that this binary lacks.
pub(crate) fn run(settings: &Settings, command: &ConfigCommand) -> Result<(), Failure> {
    match command {
        ConfigCommand::Show { default: true } => print(DEFAULT_YML),
        ConfigCommand::Show { default: false } => print(&settings.load()?.to_yaml()),
        ConfigCommand::Check => {
            adapters::check(&settings.load()?)?;
            print("configuration is right\n")
        }
    }
}
