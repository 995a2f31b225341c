//! Has `strace` write down what a process asks of the file system and tells its clients, and reads that.
//!
//! Invariant: what happens before a call begins, or after it has ended, stands on that side of it here too: a thread goes
//! on only when the tracer has seen its call end. A line that is not understood is a panic: what was not modelled is not
//! proven.

use std::{
    collections::HashMap,
    ffi::OsString,
    os::unix::ffi::OsStringExt as _,
    path::{Component, Path, PathBuf},
    process::{Command, Stdio},
};

use crate::tool::tool;

/// Everything that changes files or their names, makes them durable, or answers a client. A question mark is for what not
/// every processor has.
const CALLS: &str = "?open,openat,?openat2,?creat,?mkdir,mkdirat,?rename,?renameat,renameat2,?unlink,unlinkat,?rmdir,\
                     ?link,linkat,?symlink,symlinkat,ftruncate,truncate,fallocate,copy_file_range,sendfile,splice,lseek,fcntl,\
                     write,writev,pwrite64,pwritev,pwritev2,sendto,sendmsg,fsync,fdatasync";
/// The longest string that is written down whole: more than any write of a node.
const STRING_MAX: &str = "67108864";

/// What a node did.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// It changed something, and the call has ended; it began when there were so many steps.
    Did { call: Call, began: usize },
    /// A thread began to make a file or a directory durable.
    SyncBegins { thread: u32, path: PathBuf, fd: u32 },
    /// It has ended.
    SyncEnds { thread: u32, succeeded: bool },
    /// It began to send bytes over a connection, or to print them.
    Sends(Vec<u8>),
    /// A process begins, and the one before it has ended: what that had open is closed.
    Begins,
}

/// A call that succeeded.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Call {
    Open {
        path: PathBuf,
        fd: u32,
        create: bool,
        truncate: bool,
        append: bool,
    },
    Write {
        path: PathBuf,
        fd: u32,
        at: Option<usize>,
        bytes: Vec<u8>,
    },
    /// Another descriptor for the same file.
    Duplicate {
        path: PathBuf,
        of: u32,
        fd: u32,
    },
    Seek {
        fd: u32,
        to: usize,
    },
    Resize {
        path: PathBuf,
        fd: u32,
        length: usize,
    },
    MakeDirectory(PathBuf),
    Remove(PathBuf),
    Rename(PathBuf, PathBuf),
}

/// `command`, traced into the file `out`. It keeps its process id, so that signals reach the node itself; the tracer goes
/// when the node has gone.
pub(super) fn traced(command: &Command, out: &Path) -> Command {
    let mut strace = Command::new(tool("strace", "strace"));
    strace.args(["-D", "-f", "-yy", "-xx", "--seccomp-bpf", "-s", STRING_MAX, "-e"]).arg(format!("trace={CALLS}"));
    strace.arg("-o").arg(out).arg(command.get_program()).args(command.get_args()).env_clear();
    strace.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    strace.current_dir(command.get_current_dir().expect("nodes run in their home"));
    strace.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    strace
}

/// Reads the trace of a process, as far as it is about files beneath `root`, which is where it ran, and about what it told
/// others. Its steps follow those in `steps`.
pub(super) fn read(trace: &str, root: &Path, steps: &mut Vec<Step>) {
    steps.push(Step::Begins);
    let mut reader = Reader { root, begun: HashMap::new(), steps };
    for line in trace.lines() {
        reader.line(line).unwrap_or_else(|| {
            let end = line.get(line.len().saturating_sub(200)..).unwrap_or_default();
            panic!("the trace has a line that is not understood: {line:.200} ... {end}")
        });
    }
}

struct Reader<'a> {
    root: &'a Path,
    /// The call that each thread is in: its name and arguments, and how many steps there were.
    begun: HashMap<u32, (String, String, usize)>,
    steps: &'a mut Vec<Step>,
}

impl Reader<'_> {
    fn line(&mut self, line: &str) -> Option<()> {
        let (thread, event) = line.split_once(' ')?;
        let (thread, event) = (thread.parse().ok()?, event.trim_start());
        if event.starts_with("+++") || event.starts_with("---") {
            return Some(()); // a thread's end, a signal
        }
        if let Some(resumed) = event.strip_prefix("<... ") {
            let (name, rest, began) = self.begun.remove(&thread)?;
            let (_, more) = resumed.strip_prefix(&name)?.split_once(" resumed>")?;
            let (more, result) = more.split_once(')')?;
            return self.ends(thread, &name, &(rest + more), result, began);
        }
        let (name, rest) = event.split_once('(')?;
        if let Some(arguments) = rest.strip_suffix(" <unfinished ...>") {
            self.begins(thread, name, arguments)?;
            self.begun.insert(thread, (name.to_owned(), arguments.to_owned(), self.steps.len()));
            return Some(());
        }
        let (arguments, result) = rest.split_once(") ")?;
        self.begins(thread, name, arguments)?;
        self.ends(thread, name, arguments, result, self.steps.len())
    }

    fn begins(&mut self, thread: u32, name: &str, arguments: &str) -> Option<()> {
        let first = || arguments.split(", ").next();
        match name {
            "fsync" | "fdatasync" => {
                let (fd, path) = descriptor(first()?)?;
                self.steps.extend(self.beneath(&path).map(|path| Step::SyncBegins { thread, path, fd }));
            }
            "sendto" | "sendmsg" | "write" | "writev" if tells(first()?) => {
                self.steps.push(Step::Sends(strings(arguments)?.concat()));
            }
            _ => {}
        }
        Some(())
    }

    fn ends(&mut self, thread: u32, name: &str, arguments: &str, result: &str, began: usize) -> Option<()> {
        let result = result.trim_start().strip_prefix("= ")?;
        let digits = result.split(|c: char| !c.is_ascii_digit()).next()?;
        let result: Option<usize> = if digits.is_empty() { None } else { Some(digits.parse().ok()?) };
        if name == "fsync" || name == "fdatasync" {
            let ours = self.beneath(&descriptor(arguments)?.1).is_some();
            self.steps.extend(ours.then_some(Step::SyncEnds { thread, succeeded: result == Some(0) }));
            return Some(());
        }
        let Some(result) = result else { return Some(()) }; // it failed, or the process ended in it
        let did = self.did(name, &arguments.split(", ").collect::<Vec<_>>(), result)?;
        self.steps.extend(did.map(|call| Step::Did { call, began }));
        Some(())
    }

    /// What a call did that ended well; nothing if that was not to our files.
    #[expect(clippy::option_option, reason = "the outer one is whether the call is understood")]
    fn did(&self, name: &str, arguments: &[&str], result: usize) -> Option<Option<Call>> {
        let argument = |at: usize| arguments.get(at).copied();
        let on = |at| descriptor(argument(at)?);
        Some(match name {
            "open" | "openat" => {
                let at = usize::from(name == "openat");
                let (path, flags) = (self.named(arguments, at)?, argument(at + 1)?);
                let has = |flag| flags.split('|').any(|found| found == flag);
                let (create, truncate, append) = (has("O_CREAT"), has("O_TRUNC"), has("O_APPEND"));
                let fd = result.try_into().ok()?;
                path.map(|path| Call::Open { path, fd, create, truncate, append })
            }
            "write" | "pwrite64" => {
                let (fd, path) = on(0)?;
                let at = if name == "pwrite64" { Some(argument(3)?.parse().ok()?) } else { None };
                let Some(path) = self.beneath(&path) else { return Some(None) };
                let mut bytes = strings(argument(1)?)?.concat();
                bytes.truncate(result);
                Some(Call::Write { path, fd, at, bytes })
            }
            "fcntl" if argument(1)?.starts_with("F_DUPFD") => {
                let ((of, path), fd) = (on(0)?, result.try_into().ok()?);
                self.beneath(&path).map(|path| Call::Duplicate { path, of, fd })
            }
            "lseek" => {
                let (fd, path) = on(0)?;
                self.beneath(&path).map(|_| Call::Seek { fd, to: result })
            }
            "ftruncate" => {
                let ((fd, path), length) = (on(0)?, argument(1)?.parse().ok()?);
                self.beneath(&path).map(|path| Call::Resize { path, fd, length })
            }
            "mkdir" => self.named(arguments, 0)?.map(Call::MakeDirectory),
            "mkdirat" => self.named(arguments, 1)?.map(Call::MakeDirectory),
            "unlink" | "rmdir" => self.named(arguments, 0)?.map(Call::Remove),
            "unlinkat" => self.named(arguments, 1)?.map(Call::Remove),
            "rename" => {
                let (from, to) = (self.named(arguments, 0)?, self.named(arguments, 1)?);
                from.zip(to).map(|(from, to)| Call::Rename(from, to))
            }
            "renameat" | "renameat2" => {
                let (from, to) = (self.named(arguments, 1)?, self.named(arguments, 3)?);
                from.zip(to).map(|(from, to)| Call::Rename(from, to))
            }
            "sendto" | "sendmsg" | "fcntl" => None,
            "writev" | "pwritev" | "pwritev2" | "fallocate" | "copy_file_range" | "sendfile" | "splice" => {
                let mut touched = arguments.iter().filter_map(|argument| descriptor(argument));
                if touched.any(|(_, path)| self.beneath(&path).is_some()) {
                    return None; // the model does not know what it did to our file
                }
                None
            }
            _ => return None,
        })
    }

    /// The path in the argument at `at`, if it lies beneath the root; the argument before it is the directory that it is
    /// relative to, where there is one.
    #[expect(clippy::option_option, reason = "the outer one is whether the arguments are understood")]
    fn named(&self, arguments: &[&str], at: usize) -> Option<Option<PathBuf>> {
        let path = PathBuf::from(OsString::from_vec(strings(arguments.get(at)?)?.pop()?));
        let base = at.checked_sub(1).and_then(|before| annotation(arguments[before]));
        Some(self.beneath(&base.unwrap_or_else(|| self.root.to_owned()).join(path)))
    }

    fn beneath(&self, path: &Path) -> Option<PathBuf> {
        let plain: PathBuf = path.components().filter(|part| *part != Component::CurDir).collect();
        plain.strip_prefix(self.root).ok().map(Path::to_owned)
    }
}

/// `12<path>`: a descriptor, and what it stands for.
fn descriptor(argument: &str) -> Option<(u32, PathBuf)> {
    let (fd, _) = argument.split_once('<')?;
    Some((fd.parse().ok()?, annotation(argument)?))
}

/// `12<TCP:[...]>`, a client's; `12<UNIX-STREAM:[...]>`, a command's; `1<pipe:[...]>`, a command's own output.
fn tells(argument: &str) -> bool {
    let told = |what: &[u8]| [&b"TCP"[..], b"UNIX", b"pipe:"].iter().any(|kind| what.starts_with(kind));
    annotation(argument).is_some_and(|what| told(what.as_os_str().as_encoded_bytes()))
}

fn annotation(argument: &str) -> Option<PathBuf> {
    let (_, path) = argument.split_once('<')?;
    Some(PathBuf::from(OsString::from_vec(unescape(path.split_once('>')?.0)?)))
}

/// Every string in an argument or in several.
fn strings(arguments: &str) -> Option<Vec<Vec<u8>>> {
    if arguments.contains("\"...") {
        return None; // it was cut short
    }
    arguments.split('"').skip(1).step_by(2).map(unescape).collect()
}

/// `\x2f\x74`, or plain text.
fn unescape(text: &str) -> Option<Vec<u8>> {
    if !text.starts_with("\\x") {
        return Some(text.as_bytes().to_vec());
    }
    text.split("\\x").skip(1).map(|digits| u8::from_str_radix(digits, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_others_interrupt_is_put_together() {
        let trace = "7 openat(AT_FDCWD<\\x2f\\x68>, \"\\x61\", O_RDWR|O_CREAT, 0600) = 5<\\x2f\\x68\\x2f\\x61>\n\
                     7 fsync(5<\\x2f\\x68\\x2f\\x61> <unfinished ...>\n\
                     8 pwrite64(5<\\x2f\\x68\\x2f\\x61>, \"\\x01\\x02\", 2, 40 <unfinished ...>\n\
                     9 sendto(6<\\x54\\x43\\x50\\x3a\\x5b\\x5d>, \"\\x48\\x49\", 2, MSG_NOSIGNAL, NULL, 0) = 2\n\
                     8 <... pwrite64 resumed>)         = 1\n\
                     7 <... fsync resumed>)            = 0\n\
                     8 write(1<\\x2f\\x6f>, \"\\x01\", 1) = 1\n\
                     7 +++ exited with 0 +++\n";

        let mut steps = Vec::new();
        read(trace, Path::new("/h"), &mut steps);

        let path = PathBuf::from("a");
        let open = Call::Open { path: path.clone(), fd: 5, create: true, truncate: false, append: false };
        let write = Call::Write { path: path.clone(), fd: 5, at: Some(40), bytes: vec![1] };
        let expected = [
            Step::Begins,
            Step::Did { call: open, began: 1 },
            Step::SyncBegins { thread: 7, path, fd: 5 },
            Step::Sends(b"HI".to_vec()),
            Step::Did { call: write, began: 3 },
            Step::SyncEnds { thread: 7, succeeded: true },
        ];
        assert_eq!(steps, expected);
    }

    #[test]
    #[should_panic(expected = "not understood")]
    fn a_call_that_the_model_does_not_know_is_not_passed_over() {
        read("7 fallocate(5<\\x2f\\x68\\x2f\\x61>, 0, 0, 4096) = 0\n", Path::new("/h"), &mut Vec::new());
    }
}
