//! `portico user import`: takes over accounts from JSON lines, and reports those that were refused, in their order.

mod line;

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read, Write},
    path::Path,
};

use indicatif::{ProgressBar, ProgressStyle};
use portico_user::Import;
use serde::Serialize;

use super::user::refused;
use crate::{
    control::{BATCH_BYTES, Desk, ImportLine, Outcome, Reply, Request},
    exit::Failure,
    output::print,
};

/// The longest line of an import file, in bytes.
const LINE_MAX_BYTES: u64 = 4096;

/// What is read and written; opened before anything else is done.
pub(super) struct Files {
    input: Box<dyn BufRead>,
    size: u64,
    report: Report,
}

/// Where refused lines are told of.
enum Report {
    File(File),
    StandardError,
}

impl Report {
    /// Makes the file at `path`, whose name is durable then.
    fn create(path: &Path) -> io::Result<Self> {
        let file = File::create(path)?;
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        File::open(parent.unwrap_or(Path::new(".")))?.sync_all()?;
        Ok(Self::File(file))
    }

    fn tell(&mut self, line: &str) -> io::Result<()> {
        match self {
            Self::File(file) => writeln!(file, "{line}"),
            Self::StandardError => writeln!(io::stderr(), "{line}"),
        }
    }

    /// Makes what was told durable: an import that was told to have ended is not begun again to learn what was refused.
    fn finish(&self) -> io::Result<()> {
        match self {
            Self::File(file) if file.metadata()?.is_file() => file.sync_all(),
            Self::File(_) | Self::StandardError => Ok(()), // a terminal or a pipe keeps nothing
        }
    }
}

impl Files {
    /// Opens the accounts (`-` is standard input) and the report, which is standard error if no file is named.
    ///
    /// # Errors
    /// The operator's: one of them cannot be opened.
    pub(super) fn open(file: &Path, report: Option<&Path>) -> Result<Self, Failure> {
        let (input, size): (Box<dyn Read>, u64) = if file == Path::new("-") {
            (Box::new(io::stdin()), 0)
        } else {
            let (opened, size) =
                open(file).map_err(|error| Failure::no_input(format!("{}: {error}", file.display())))?;
            (Box::new(opened), size)
        };
        let uncreated = |path: &Path, error| Failure::cannot_create(format!("{}: {error}", path.display()));
        let report = match report {
            Some(path) => Report::create(path).map_err(|error| uncreated(path, error))?,
            None => Report::StandardError,
        };
        Ok(Self { input: Box::new(BufReader::new(input)), size, report })
    }
}

/// A file and its size. A directory can be opened too, and only then not be read.
fn open(path: &Path) -> io::Result<(File, u64)> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_dir() { Err(io::ErrorKind::IsADirectory.into()) } else { Ok((file, metadata.len())) }
}

/// Imports all accounts, and tells how many were.
///
/// # Errors
/// The operator's: lines were refused. The node's: it cannot go on; what it acknowledged stands.
pub(super) async fn run(desk: &mut Desk, files: Files) -> Result<(), Failure> {
    let Files { input, size, report } = files;
    let (batch, bytes) = (Vec::new(), 0);
    let mut run = Run { desk, bar: bar(size), report, batch, bytes, opened: 0, present: 0, refused: 0 };
    run.all(input).await?;
    run.finish()
}

fn bar(size: u64) -> ProgressBar {
    let style = "{bar:40} {percent}% {bytes}/{total_bytes}, {eta} left{msg}";
    ProgressBar::new(size).with_style(ProgressStyle::with_template(style).expect("the template is well formed"))
}

/// A line that was refused, as the report has it.
#[derive(Serialize)]
struct Refused {
    line: u64,
    field: String,
    code: String,
    detail: String,
}

struct Run<'a> {
    desk: &'a mut Desk,
    bar: ProgressBar,
    report: Report,
    /// Lines by their numbers: what is to be imported, and what is refused without asking.
    batch: Vec<(u64, Result<ImportLine, Outcome>)>,
    /// The lines of the batch.
    bytes: usize,
    opened: u64,
    present: u64,
    refused: u64,
}

impl Run<'_> {
    async fn all(&mut self, mut input: impl BufRead) -> Result<(), Failure> {
        for number in 1.. {
            let mut line = Vec::new();
            let length = input.by_ref().take(LINE_MAX_BYTES + 1).read_until(b'\n', &mut line)?;
            if length == 0 {
                break;
            }
            self.bar.inc(length as u64);
            if length as u64 > LINE_MAX_BYTES && !line.ends_with(b"\n") {
                self.bar.inc(input.skip_until(b'\n')? as u64);
                self.take(number, 0, Err(line::too_long())).await?;
            } else if !line.trim_ascii().is_empty() {
                self.take(number, line.len(), line::parse(&line)).await?;
            }
        }
        self.send().await
    }

    async fn take(&mut self, number: u64, bytes: usize, line: Result<ImportLine, Outcome>) -> Result<(), Failure> {
        self.batch.push((number, line));
        self.bytes += bytes;
        let is_full = self.batch.len() == Import::MAX_BATCH || self.bytes >= BATCH_BYTES;
        if is_full { self.send().await } else { Ok(()) }
    }

    async fn send(&mut self) -> Result<(), Failure> {
        self.bytes = 0;
        let mut users = Vec::new();
        let mut known = Vec::new();
        for (number, line) in self.batch.drain(..) {
            known.push((number, line.map(|account| users.push(account)).err()));
        }
        let mut outcomes = self.ask(users).await?.into_iter();
        for (number, refused) in known {
            let outcome = refused.or_else(|| outcomes.next());
            self.count(number, outcome.ok_or_else(|| Failure::software("the node told of fewer accounts"))?)?;
        }
        Ok(())
    }

    async fn ask(&mut self, users: Vec<ImportLine>) -> Result<Vec<Outcome>, Failure> {
        if users.is_empty() {
            return Ok(Vec::new());
        }
        match self.desk.ask(Request::Import { users }).await? {
            Reply::Imported(outcomes) => Ok(outcomes),
            Reply::Failed { detail, .. } => Err(Failure::unavailable(format!("{detail}; run this again to go on"))),
            other => Err(refused(other)),
        }
    }

    fn count(&mut self, line: u64, outcome: Outcome) -> Result<(), Failure> {
        match outcome {
            Outcome::Opened => self.opened += 1,
            Outcome::Present => self.present += 1,
            Outcome::Refused { field, code, detail } => {
                self.refused += 1;
                let refused = Refused { line, field, code, detail };
                let text = serde_json::to_string(&refused).expect("plain structs serialise");
                self.bar.suspend(|| self.report.tell(&text))?;
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<(), Failure> {
        self.bar.finish_and_clear();
        self.report.finish()?;
        print(&format!("{} opened, {} present already, {} refused\n", self.opened, self.present, self.refused))?;
        match self.refused {
            0 => Ok(()),
            count => Err(Failure::data(format!("{count} lines were refused; mend them and run this again"))),
        }
    }
}
