//! A terminal for a command: some of what it prints, it prints for people only.

use std::{
    ffi::OsStr,
    fs::{File, OpenOptions},
    os::unix::ffi::OsStrExt as _,
};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::{Exit, Home, output::Output};

impl Home {
    /// Runs a command of the binary to its end, with standard output and standard error on one terminal; what it
    /// printed is the exit's standard output.
    pub fn run_on_terminal(&self, arguments: &[&str]) -> Exit {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&ours).unwrap();
        unlockpt(&ours).unwrap();
        let path = ptsname(&ours, Vec::new()).unwrap();
        let theirs = OpenOptions::new().read(true).write(true).open(OsStr::from_bytes(path.as_bytes())).unwrap();
        let mut command = self.command(arguments);
        let mut child = command.stdout(theirs.try_clone().unwrap()).stderr(theirs).spawn().unwrap();
        drop(command); // it keeps the terminal open
        let screen = Output::collect(File::from(ours));
        Exit { status: child.wait().unwrap(), stdout: screen.whole(), stderr: String::new() }
    }
}
