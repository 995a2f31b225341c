//! `portico user reset-password|sign-out|import`.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read, Write},
    path::Path,
};

use indicatif::{ProgressBar, ProgressStyle};
use portico_config::Config;
use portico_user::Import;
use serde::Serialize;

use crate::{
    cli::UserCommand,
    control::{BATCH_BYTES, Desk, ImportLine, Outcome, Reply, Request},
    exit::Failure,
    node::Node,
};

/// The longest line of an import file, in bytes.
const IMPORT_LINE_MAX_BYTES: u64 = 4096;

/// Runs the command beside a running node, or on the data directory alone.
///
/// # Errors
/// The operator's, such as an unknown address or refused lines; or the node's.
pub(crate) async fn run(config: Config, command: &UserCommand) -> Result<(), Failure> {
    let (mut desk, node) = if let Some(desk) = Desk::remote(&config.data.dir).await? {
        (desk, None)
    } else {
        let node = Node::offline(config).await?;
        (Desk::Local(node.control()), Some(node))
    };
    let result = match command {
        UserCommand::ResetPassword { email } => reset_password(&mut desk, email).await,
        UserCommand::SignOut { email } => sign_out(&mut desk, email).await,
        UserCommand::Import { file, report } => import(&mut desk, file, report.as_deref()).await,
    };
    if let Some(node) = node {
        node.close().await;
    }
    result
}

async fn reset_password(desk: &mut Desk, email: &str) -> Result<(), Failure> {
    match desk.ask(Request::ResetPassword { email: email.to_owned() }).await? {
        Reply::Password(password) => {
            println!("{password}");
            eprintln!("The password above works until its owner changes it; all sessions were ended.");
            Ok(())
        }
        other => Err(refused(other)),
    }
}

async fn sign_out(desk: &mut Desk, email: &str) -> Result<(), Failure> {
    match desk.ask(Request::SignOut { email: email.to_owned() }).await? {
        Reply::SignedOut => {
            eprintln!("All sessions of the account were ended; its password was left as it is.");
            Ok(())
        }
        other => Err(refused(other)),
    }
}

/// An answer that is not the wanted one.
fn refused(reply: Reply) -> Failure {
    match reply {
        Reply::Failed { code, .. } if code == "user_unknown" => Failure::no_user("no account has this address"),
        Reply::Failed { detail, .. } => Failure::unavailable(detail),
        Reply::Password(_) | Reply::SignedOut | Reply::Imported(_) => {
            Failure::software("the node answered something else")
        }
    }
}

/// A line that was refused, as the report has it.
#[derive(Serialize)]
struct Refused {
    line: u64,
    field: String,
    code: String,
    detail: String,
}

async fn import(desk: &mut Desk, file: &Path, report: Option<&Path>) -> Result<(), Failure> {
    let (input, size): (Box<dyn Read>, u64) = if file == Path::new("-") {
        (Box::new(io::stdin()), 0)
    } else {
        let opened = File::open(file).map_err(|error| Failure::no_input(format!("{}: {error}", file.display())))?;
        let size = opened.metadata().map_or(0, |metadata| metadata.len());
        (Box::new(opened), size)
    };
    let report: Box<dyn Write> = match report {
        Some(path) => Box::new(File::create(path).map_err(Failure::cannot_create)?),
        None => Box::new(io::stderr()),
    };
    let (batch, bytes) = (Vec::new(), 0);
    let mut run = ImportRun { desk, bar: bar(size), report, batch, bytes, opened: 0, present: 0, refused: 0 };
    run.all(BufReader::new(input)).await?;
    run.finish()
}

fn bar(size: u64) -> ProgressBar {
    let style = "{bar:40} {percent}% {bytes}/{total_bytes}, {eta} left{msg}";
    ProgressBar::new(size).with_style(ProgressStyle::with_template(style).expect("the template is well formed"))
}

struct ImportRun<'a> {
    desk: &'a mut Desk,
    bar: ProgressBar,
    report: Box<dyn Write>,
    batch: Vec<(u64, ImportLine)>,
    /// The lines of the batch.
    bytes: usize,
    opened: u64,
    present: u64,
    refused: u64,
}

impl ImportRun<'_> {
    async fn all(&mut self, mut input: impl BufRead) -> Result<(), Failure> {
        for number in 1.. {
            let mut line = Vec::new();
            let length = input.by_ref().take(IMPORT_LINE_MAX_BYTES + 1).read_until(b'\n', &mut line)?;
            if length == 0 {
                break;
            }
            self.bar.inc(length as u64);
            if length as u64 > IMPORT_LINE_MAX_BYTES && !line.ends_with(b"\n") {
                self.bar.inc(input.skip_until(b'\n')? as u64);
                self.refuse(number, "", "too_long", "line is longer than 4096 bytes")?;
            } else {
                self.line(number, &line).await?;
            }
        }
        self.send().await
    }

    async fn line(&mut self, number: u64, line: &[u8]) -> Result<(), Failure> {
        if line.trim_ascii().is_empty() {
            return Ok(());
        }
        match serde_json::from_slice(line) {
            Ok(account) => {
                self.batch.push((number, account));
                self.bytes += line.len();
            }
            Err(error) => {
                let detail = if error.is_data() { error.to_string() } else { "is not a JSON object".to_owned() };
                self.refuse(number, "", "malformed", &detail)?;
            }
        }
        let is_full = self.batch.len() == Import::MAX_BATCH || self.bytes >= BATCH_BYTES;
        if is_full { self.send().await } else { Ok(()) }
    }

    async fn send(&mut self) -> Result<(), Failure> {
        if self.batch.is_empty() {
            return Ok(());
        }
        self.bytes = 0;
        let (numbers, users): (Vec<_>, Vec<_>) = self.batch.drain(..).unzip();
        match self.desk.ask(Request::Import { users }).await? {
            Reply::Imported(outcomes) => {
                numbers.into_iter().zip(outcomes).try_for_each(|(number, outcome)| self.count(number, outcome))
            }
            Reply::Failed { detail, .. } => Err(Failure::unavailable(format!("{detail}; run this again to go on"))),
            other => Err(refused(other)),
        }
    }

    fn count(&mut self, number: u64, outcome: Outcome) -> Result<(), Failure> {
        match outcome {
            Outcome::Opened => self.opened += 1,
            Outcome::Present => self.present += 1,
            Outcome::Refused { field, code, detail } => self.refuse(number, &field, &code, &detail)?,
        }
        Ok(())
    }

    fn refuse(&mut self, line: u64, field: &str, code: &str, detail: &str) -> Result<(), Failure> {
        self.refused += 1;
        let refused = Refused { line, field: field.into(), code: code.into(), detail: detail.into() };
        let text = serde_json::to_string(&refused).expect("plain structs serialise");
        self.bar.suspend(|| writeln!(self.report, "{text}"))?;
        Ok(())
    }

    fn finish(mut self) -> Result<(), Failure> {
        self.bar.finish_and_clear();
        self.report.flush()?;
        println!("{} opened, {} present already, {} refused", self.opened, self.present, self.refused);
        match self.refused {
            0 => Ok(()),
            count => Err(Failure::data(format!("{count} lines were refused; mend them and run this again"))),
        }
    }
}
