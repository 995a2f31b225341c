//! One run of the benchmark: how long to measure, with which node, on which cores, and where to leave files meanwhile.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use tempfile::TempDir;

use crate::{cores::Cores, node::Launch};

/// Why a figure could not be measured.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The system refused something.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// Why not.
        source: io::Error,
    },
    /// What was measured is not what it should be.
    #[error("{0}")]
    Said(String),
}

impl Failure {
    /// `what` was tried and refused: for `map_err`.
    pub fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }

    /// Anything else, in words.
    #[expect(clippy::needless_pass_by_value, reason = "it is passed to `map_err`")]
    pub fn said(text: impl ToString) -> Self {
        Self::Said(text.to_string())
    }
}

impl From<io::Error> for Failure {
    fn from(source: io::Error) -> Self {
        Self::Io { what: "the system refused".into(), source }
    }
}

/// How thoroughly to measure.
#[derive(Debug, Clone)]
pub struct Options {
    /// Seconds in all, to see that the machinery works; the figures mean little.
    pub short: bool,
    /// How many times subject and reference take turns.
    pub repeats: usize,
    /// Record where the node's CPU goes, where a figure can tell.
    pub profile: bool,
}

/// One run.
#[derive(Debug)]
pub struct Run {
    /// How thoroughly to measure.
    pub options: Options,
    /// The node's binary.
    pub binary: PathBuf,
    /// The benchmark's own binary, which serves references too.
    pub bench: PathBuf,
    /// Where who runs.
    pub cores: Cores,
    scratch: TempDir,
    directories: AtomicUsize,
}

impl Run {
    /// A run with the node at `binary` and the benchmark at `bench`. Files lie beside that binary, on the disk that would hold real data: `/tmp` may
    /// be memory, where a sync costs nothing. They are deleted when the run is dropped.
    ///
    /// # Errors
    /// There is no such binary, or no directory can be made beside it.
    pub fn new(options: Options, binary: &Path, bench: PathBuf) -> Result<Self, Failure> {
        let binary = fs::canonicalize(binary).map_err(Failure::io(format!(
            "{} cannot be run; build it with `cargo build --release --package portico-node`",
            binary.display()
        )))?;
        let beside = binary.parent().unwrap_or(Path::new("."));
        let scratch = tempfile::Builder::new()
            .prefix("bench-")
            .tempdir_in(beside)
            .map_err(Failure::io("a scratch directory cannot be made beside the node's binary"))?;
        let (cores, directories) = (Cores::of_this_process(), AtomicUsize::new(0));
        Ok(Self { options, binary, bench, cores, scratch, directories })
    }

    /// How many times subject and reference take turns.
    pub fn repeats(&self) -> usize {
        self.options.repeats.max(1)
    }

    /// How long one measurement lasts: `whole`, or a small part of it in a short run.
    pub fn window(&self, whole: Duration) -> Duration {
        if self.options.short { (whole / 10).min(Duration::from_millis(500)) } else { whole }
    }

    /// A count of things to make: `whole`, or `short` in a short run.
    pub fn count(&self, whole: usize, short: usize) -> usize {
        if self.options.short { short } else { whole }
    }

    /// A new, empty directory. It goes with the run.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn directory(&self, name: &str) -> Result<PathBuf, Failure> {
        let number = self.directories.fetch_add(1, Ordering::Relaxed);
        let path = self.scratch.path().join(format!("{name}-{number}"));
        fs::create_dir_all(&path).map_err(Failure::io(format!("{} cannot be made", path.display())))?;
        Ok(path)
    }

    /// A node that is yet to be started, in a new directory, with the default configuration on free ports.
    ///
    /// # Errors
    /// Its directory cannot be made.
    pub fn node(&self, name: &str) -> Result<Launch, Failure> {
        Ok(Launch::new(&self.binary, &self.directory(name)?))
    }

    /// Says on standard error how far the run is.
    pub fn progress(&self, text: impl std::fmt::Display) {
        eprintln!("  {text}");
    }
}
