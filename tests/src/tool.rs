//! Programs of the system that tests use beside the node.

use std::{env, path::PathBuf};

/// Where a program is.
///
/// # Panics
/// When it is not installed; it says how to install it. A proof that cannot be made must not look like one that was.
pub(crate) fn tool(name: &str, package: &str) -> PathBuf {
    let path = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&path).map(|directory| directory.join(name)).find(|file| file.is_file());
    found.unwrap_or_else(|| panic!("{name} is not on PATH: install {package} (Debian: apt-get install {package})"))
}
