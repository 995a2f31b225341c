//! The binary under test: `target/<profile>/portico`, beside the test that runs.
//!
//! Cargo tells a test the path of a binary of its own package only. Hence it is looked up, and built when it is missing or
//! older than a source that it was made of (cargo lists those in `portico.d` beside it). `just test` has built it already.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
    time::SystemTime,
};

/// Names another binary to test, such as one that was built for release.
const OVERRIDE: &str = "PORTICO_TEST_BINARY";

/// The binary under test.
///
/// # Panics
/// When it cannot be built; it is tried once.
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<Option<PathBuf>> = OnceLock::new();
    BINARY.get_or_init(find).as_deref().expect("the binary under test can be built")
}

fn find() -> Option<PathBuf> {
    if let Some(path) = env::var_os(OVERRIDE) {
        return Some(path.into());
    }
    let path = profile_directory().join("portico");
    (is_current(&path) || build()).then_some(path)
}

/// The binary that a driver runs: the one that was `named` to it or to its environment, or else the one beside it.
pub fn driven(named: Option<PathBuf>) -> PathBuf {
    named.or_else(|| env::var_os(OVERRIDE).map(PathBuf::from)).unwrap_or_else(beside)
}

/// The binary beside this program: a test build.
///
/// # Panics
/// When the system does not know this program.
pub fn beside() -> PathBuf {
    env::current_exe().expect("the system knows this executable").with_file_name("portico")
}

/// The cargo that runs the tests, in the repository.
fn cargo_command() -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(crate::repository());
    cargo
}

/// `target/<profile>`: tests run as `target/<profile>/deps/<test>-<hash>`.
fn profile_directory() -> PathBuf {
    let test = env::current_exe().expect("the system knows this executable");
    test.ancestors().nth(2).expect("tests lie two directories down").to_owned()
}

fn is_current(binary: &Path) -> bool {
    let modified = |path: &Path| fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
    let Some(built) = modified(binary) else { return false };
    let Ok(sources) = fs::read_to_string(binary.with_extension("d")) else { return false };
    let sources = sources.split_once(": ").map_or("", |(_, sources)| sources);
    sources.split_whitespace().map(Path::new).all(|source| modified(source).is_some_and(|at: SystemTime| at <= built))
}

/// Builds it with the features that `cargo test --workspace` unifies, so that no dependency is built twice.
fn build() -> bool {
    let mut cargo = cargo_command();
    cargo.args(["build", "--workspace", "--bins", "--tests"]);
    if cfg!(feature = "distributed") {
        cargo.args(["--features", "portico-node/distributed"]);
    }
    if profile_directory().ends_with("release") {
        cargo.arg("--release");
    }
    cargo.status().expect("cargo runs").success()
}
