//! `portico data export|import`: takes everything but photos' bytes and log files from one installation to another.

mod progress;

use std::path::Path;

use portico_config::Config;
use portico_kernel::{Clock as _, SystemClock};
use portico_schema::{
    data_dir::DataDir,
    transfer::{Error, Export, Imported, Manifest, Transfer, export, import},
};

use self::progress::Progress;
use crate::{
    adapters,
    cli::DataCommand,
    domains::{Stores, chain, has_accounts},
    exit::Failure,
    node::unheld,
    output::{print, tell},
};

/// Runs the command. It holds the data directory, so that no node runs on that meanwhile.
///
/// # Errors
/// The operator's: a node runs, the export is not right, or a store holds something else or is away.
pub(crate) async fn run(config: &Config, command: &DataCommand) -> Result<(), Failure> {
    adapters::check(config)?;
    match command {
        DataCommand::Export { directory } => take_out(config, directory).await,
        DataCommand::Import { directory } => take_in(config, directory).await,
    }
}

async fn take_out(config: &Config, directory: &Path) -> Result<(), Failure> {
    if !has_accounts(config) {
        let data = config.data.dir.display();
        return Err(Failure::no_input(format!(
            "{data}: no data is there; name the data directory (--data-dir, data.dir)"
        )));
    }
    let data = DataDir::open(&config.data.dir).map_err(unheld)?;
    let stores = Stores::open(config).await?;
    let (transfers, progress) = (stores.transfers(), Progress::new());
    let exported = export(directory, data.secret(), &all(&transfers), SystemClock.now(), &progress).await;
    progress.finish();
    drop(transfers);
    stores.close().await;
    let manifest = exported.map_err(failed)?;
    print(&format!("exported into {}: {}; export {}\n", directory.display(), counts(&manifest), manifest.id))
}

async fn take_in(config: &Config, directory: &Path) -> Result<(), Failure> {
    let (opened, progress) = (Export::open(directory).map_err(failed)?, Progress::new());
    let checked = opened.check(&progress);
    progress.finish();
    checked.map_err(failed)?;
    let secret = opened.secret().map_err(failed)?;
    let data = DataDir::adopt(&config.data.dir, secret).map_err(unheld)?;
    let stores = Stores::open(config).await?;
    let (transfers, progress) = (stores.transfers(), Progress::new());
    let imported = import(&opened, &all(&transfers), &SystemClock, &progress).await;
    progress.finish();
    drop(transfers);
    stores.close().await;
    let told = match imported.map_err(failed)? {
        Imported::Whole => format!("imported and compared: {}; a node may run over it now", counts(opened.manifest())),
        Imported::Before => "it was imported and compared before; nothing was changed".to_owned(),
    };
    if data.secret() != secret {
        tell(
            "The data directory had a secret of its own, which stays: devices count as unknown again, and a request that is \
              repeated under an idempotency key from before is refused (422).",
        );
    }
    print(&format!("{told}\n"))
}

fn all<'t>(transfers: &'t [Box<dyn Transfer + '_>]) -> Vec<&'t dyn Transfer> {
    transfers.iter().map(|transfer| &**transfer as &dyn Transfer).collect()
}

/// What an operator wants to know of how much there is.
fn counts(manifest: &Manifest) -> String {
    let count = |(file, what): (&str, &str)| format!("{} {what}", manifest.rows_of(file));
    let told = [
        ("users.jsonl", "users"),
        ("sessions.jsonl", "sessions"),
        ("photos.jsonl", "photos"),
        ("outbox.jsonl", "events that wait"),
    ];
    let told: Vec<_> = told.into_iter().map(count).collect();
    format!("{} rows ({})", manifest.rows(), told.join(", "))
}

#[expect(clippy::needless_pass_by_value, reason = "it is passed to `map_err`")]
fn failed(error: Error) -> Failure {
    let told = chain(&error);
    match error {
        Error::Unread { .. } => Failure::no_input(told),
        Error::Unwritten { .. } | Error::Unfit { .. } | Error::Occupied { .. } | Error::Another { .. } => {
            Failure::cannot_create(told)
        }
        Error::Damaged { .. } | Error::Line { .. } | Error::Row { .. } | Error::Unequal { .. } => Failure::data(told),
        Error::InUse { .. } | Error::Unfinished { .. } | Error::Overtaken { .. } => Failure::temporary(told),
        Error::Store { .. } => Failure::unavailable(format!("{told}; run this again to go on")),
    }
}
