//! A disk of a few megabytes for a node's data directory, which can be filled and freed while the node runs.
//!
//! It is a `tmpfs` in a mount namespace of its own: nobody else sees it, and it goes with the process that holds it, however
//! the test ends. Root may mount; anybody else may within a user namespace, where the system allows those.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io::{BufRead as _, BufReader, ErrorKind, Write as _},
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    process::{Child, ChildStderr, Command, Stdio},
};

use rustix::process::{Pid, Signal, geteuid, kill_process};

use crate::{Home, Node, binary, home::files, tool::tool};

/// Mounts, says so, and stays until its input ends.
const HOLD: &str = r#"mount -t tmpfs -o "size=$1,mode=0700" portico "$2" && echo mounted && exec cat"#;
/// What takes the room away.
const BALLAST: &str = "ballast";

/// A small disk at the place of a home's data directory.
pub struct SmallDisk {
    holder: Child,
    data: PathBuf,
}

impl SmallDisk {
    /// Mounts an empty disk of so many bytes where `home` keeps its data.
    ///
    /// # Panics
    /// When the system does not allow it; it says why.
    pub fn mount(home: &Home, bytes: u64) -> Self {
        let data = home.data();
        fs::DirBuilder::new().mode(0o700).create(&data).expect("a home begins without data");
        let mut unshare = Command::new(tool("unshare", "util-linux"));
        unshare.args(["--mount", "--propagation", "private"]);
        if !geteuid().is_root() {
            unshare.args(["--user", "--map-root-user"]);
        }
        unshare.args(["sh", "-c", HOLD, "sh"]).arg(bytes.to_string()).arg(&data);
        let mut holder = unshare.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("unshare can be started");
        let mut said = String::new();
        let mut stdout = BufReader::new(holder.stdout.take().expect("it is piped"));
        let _unreadable = stdout.read_line(&mut said);
        let disk = Self { holder, data };
        assert_eq!(said, "mounted\n", "a tmpfs cannot be mounted: it takes root, or user namespaces");
        disk
    }

    /// Where a node's data lies, for whoever is outside.
    pub fn path(&self) -> PathBuf {
        let inside = self.data.strip_prefix("/").expect("homes have absolute paths");
        Path::new("/proc").join(self.holder.id().to_string()).join("root").join(inside)
    }

    /// Starts a node on the disk and waits until it is ready.
    pub async fn up(&self, home: &Home) -> Node {
        let node = home.command_of(binary(), &["up"]);
        let mut inside = self.enter();
        inside.arg(node.get_program()).args(node.get_args()).env_clear();
        inside.envs(node.get_envs().filter_map(|(name, value)| Some((name, value?))));
        inside.env("PORTICO__DATA__DIR", &self.data); // entering a namespace leaves the directory that one was in
        inside.stdout(Stdio::piped()).stderr(Stdio::piped());
        Node::start(inside).await
    }

    /// Takes all room that is left.
    pub fn fill(&self) {
        let mut ballast = OpenOptions::new().append(true).create(true).open(self.ballast()).expect("it can be opened");
        loop {
            match ballast.write_all(&[0; 4096]) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => return,
                Err(error) => panic!("the disk fails otherwise than by being full: {error}"),
            }
        }
    }

    /// Gives the room back.
    pub fn free(&self) {
        File::options().write(true).truncate(true).open(self.ballast()).expect("it was filled before");
    }

    /// From now on the file system refuses what would change it, as after `remount,ro`: `EROFS`.
    ///
    /// The system lets nobody do that to a file system on which files are open for writing; a disk that fails does. So new
    /// files meet a read-only mount that lies over the disk, and a tracer answers for those that the node has open.
    pub fn refuse_writes(&self, node: &Node) -> Refusal {
        let root = self.path();
        let mut inject = Vec::new();
        for file in files(&root) {
            inject.extend(["-P".into(), self.data.join(file.strip_prefix(&root).expect("it lies beneath")).into()]);
        }
        let calls = ["-e", "trace=write,pwrite64,ftruncate", "-e", "inject=write,pwrite64,ftruncate:error=EROFS"];
        inject.extend(calls.map(OsString::from));
        let refusal = self.trace(node, &inject);
        self.run("mount --bind \"$1\" \"$1\" && mount -o remount,bind,ro \"$1\"");
        refusal
    }

    /// Ends that.
    pub fn allow_writes(&self, mut refusal: Refusal) {
        refusal.detach();
        self.run("mount -o remount,bind,rw \"$1\"");
    }

    /// From now on the disk takes what it is given, and fails to make it durable: `EIO`. It ends when what this answers is
    /// dropped.
    pub fn refuse_syncs(&self, node: &Node) -> Refusal {
        let calls = ["-e", "trace=fsync,fdatasync", "-e", "inject=fsync,fdatasync:error=EIO"];
        self.trace(node, &calls.map(OsString::from))
    }

    /// Has a tracer answer for the system.
    fn trace(&self, node: &Node, inject: &[OsString]) -> Refusal {
        let mut strace = self.enter();
        strace.arg(tool("strace", "strace")).args(["-f", "-o", "/dev/null", "-p", &node.id().to_string()]);
        let mut tracer = strace.args(inject).stderr(Stdio::piped()).spawn().expect("strace can be started");
        let mut said = String::new();
        let mut stderr = BufReader::new(tracer.stderr.take().expect("it is piped"));
        let _unreadable = stderr.read_line(&mut said);
        let refusal = Refusal { tracer, _said: stderr };
        assert!(said.contains("attached"), "strace cannot trace the node: {said}");
        refusal
    }

    /// Runs a line of shell on the disk, with its directory as `$1`.
    fn run(&self, line: &str) {
        let status = self.enter().args(["sh", "-c", line, "sh"]).arg(&self.data).status();
        assert!(status.expect("nsenter can be started").success(), "{line}");
    }

    /// What begins a command inside.
    fn enter(&self) -> Command {
        let mut nsenter = Command::new(tool("nsenter", "util-linux"));
        nsenter.args(["--target", &self.holder.id().to_string(), "--mount"]);
        if !geteuid().is_root() {
            nsenter.args(["--user", "--preserve-credentials"]);
        }
        nsenter.stdin(Stdio::null());
        nsenter
    }

    fn ballast(&self) -> PathBuf {
        self.path().join(BALLAST)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ended = self.holder.kill();
        let _reaped = self.holder.wait();
    }
}

/// While it is there, a node's writes or syncs are refused.
pub struct Refusal {
    tracer: Child,
    /// Read no further; closed, it would end the tracer.
    _said: BufReader<ChildStderr>,
}

impl Refusal {
    /// Asked to end, the tracer leaves the node as it was; killed, it might leave it stopped.
    fn detach(&mut self) {
        let _gone = kill_process(Pid::from_child(&self.tracer), Signal::TERM);
        let _reaped = self.tracer.wait();
    }
}

impl Drop for Refusal {
    fn drop(&mut self) {
        self.detach();
    }
}
