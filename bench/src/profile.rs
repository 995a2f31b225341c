//! Where a server's CPU goes: stacks that `perf` samples, folded into lines that every flame graph tool reads, and summed
//! up by what the code at hand belongs to.
//!
//! Invariant: a sample counts once, for the innermost frame that belongs to a part.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};

use crate::run::Failure;

/// Samples a second: not a divisor of anything that the server does by the clock.
const FREQUENCY: &str = "1997";

/// The parts of a request, and what names in a frame belong to each. The first that matches counts.
const PARTS: [(&str, &[&str]); 12] = [
    ("log", &["portico_log", "tracing", "sharded_slab", "portico_schema::log"]),
    ("metrics", &["opentelemetry", "HttpInstruments"]),
    ("limits", &["gateway::limits", "governor", "in_flight"]),
    ("session", &["portico_session", "signed_in", "sha2", "cookie"]),
    ("profile", &["portico_user", "portico_photo"]),
    ("hop", &["portico_kernel"]),
    ("render", &["gateway::render", "serde_json", "gateway::routes"]),
    ("identity", &["uuid", "getrandom", "fastrand"]),
    ("gateway", &["portico_gateway"]),
    ("http", &["actix_web", "actix_http", "actix_router", "httparse", "h1::"]),
    ("runtime", &["tokio", "mio", "actix"]),
    ("kernel", &["syscall", "entry_SYSCALL", "asm_", "[unknown]"]),
];

/// A recording that is under way.
#[derive(Debug)]
pub struct Recording {
    perf: Child,
    data: PathBuf,
    folded: PathBuf,
}

/// What a recording found.
#[derive(Debug)]
pub struct Profile {
    /// Where the folded stacks lie.
    pub folded: PathBuf,
    /// The share of each part, the largest first.
    pub shares: Vec<(String, f64)>,
}

impl Recording {
    /// Samples the process `pid` until it is ended. The stacks will lie in `directory` as `<name>.folded`.
    ///
    /// # Errors
    /// `perf` is not there, or may not be used.
    pub fn begin(pid: u32, directory: &Path, name: &str) -> Result<Self, Failure> {
        fs::create_dir_all(directory).map_err(Failure::io(format!("{} cannot be made", directory.display())))?;
        let (data, folded) = (directory.join(format!("{name}.perf")), directory.join(format!("{name}.folded")));
        let mut perf = Command::new("perf");
        perf.args(["record", "--quiet", "--event", "cpu-clock", "--freq", FREQUENCY, "--call-graph", "fp"]);
        perf.arg("--pid").arg(pid.to_string()).arg("--output").arg(&data).stdin(Stdio::null());
        let perf = perf.spawn().map_err(Failure::io("perf cannot be run (Debian: apt-get install linux-perf)"))?;
        Ok(Self { perf, data, folded })
    }

    /// Ends it and folds the stacks.
    ///
    /// # Errors
    /// `perf` found nothing.
    pub fn end(mut self) -> Result<Profile, Failure> {
        kill_process(Pid::from_child(&self.perf), Signal::INT).map_err(std::io::Error::from)?;
        let _interrupted = self.perf.wait()?;
        let script =
            Command::new("perf").args(["script", "--fields", "comm,ip,sym", "--input"]).arg(&self.data).output();
        let script = script.map_err(Failure::io("perf cannot be run"))?;
        let _unneeded = fs::remove_file(&self.data);
        let stacks = fold(&String::from_utf8_lossy(&script.stdout));
        if stacks.is_empty() {
            return Err(Failure::said(format!("perf found nothing: {}", String::from_utf8_lossy(&script.stderr))));
        }
        let mut text = String::new();
        for (stack, count) in &stacks {
            let _infallible = writeln!(text, "{stack} {count}");
        }
        fs::write(&self.folded, text).map_err(Failure::io(format!("{} cannot be written", self.folded.display())))?;
        Ok(Profile { folded: self.folded, shares: shares(&stacks) })
    }
}

impl Profile {
    /// The parts in a line: `log 31 %, http 22 %`.
    pub fn describe(&self) -> String {
        let parts: Vec<_> = self.shares.iter().map(|(part, share)| format!("{part} {:.0} %", share * 100.0)).collect();
        parts.join(", ")
    }
}

/// Stacks from the outermost frame to the innermost, as `thread;outer;inner`, with how often each was seen.
fn fold(script: &str) -> BTreeMap<String, u64> {
    let mut stacks = BTreeMap::new();
    for sample in script.split("\n\n") {
        let mut lines = sample.lines().filter(|line| !line.trim().is_empty());
        let Some(thread) = lines.next() else { continue };
        let mut frames: Vec<_> =
            lines.filter_map(|line| Some(line.trim().split_once(' ')?.1.replace(';', ","))).collect();
        frames.push(thread.trim().to_owned());
        frames.reverse();
        *stacks.entry(frames.join(";")).or_default() += 1;
    }
    stacks
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn shares(stacks: &BTreeMap<String, u64>) -> Vec<(String, f64)> {
    let mut counts = BTreeMap::<&str, u64>::new();
    for (stack, count) in stacks {
        *counts.entry(part(stack)).or_default() += count;
    }
    let all: u64 = counts.values().sum();
    let mut shares: Vec<_> =
        counts.into_iter().map(|(part, count)| (part.to_owned(), count as f64 / all as f64)).collect();
    shares.sort_by(|(_, left), (_, right)| right.total_cmp(left));
    shares
}

/// What a stack belongs to.
fn part(stack: &str) -> &'static str {
    let belongs = |frame: &str| PARTS.iter().find(|(_, names)| names.iter().any(|name| frame.contains(name)));
    stack.rsplit(';').find_map(belongs).map_or("other", |(part, _)| part)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCRIPT: &str = "actix-rt|system \n\t  1 malloc\n\t  2 portico_log::layer::offer\n\t  3 actix_http::h1::poll\n\n\
                          actix-rt|system \n\t  1 read\n\t  3 actix_http::h1::poll\n\n";

    #[test]
    fn a_sample_counts_for_the_innermost_part_that_is_known() {
        let stacks = fold(SCRIPT);

        let shares = shares(&stacks);

        assert!(stacks.contains_key("actix-rt|system;actix_http::h1::poll;portico_log::layer::offer;malloc"));
        assert_eq!(shares, [("http".to_owned(), 0.5), ("log".to_owned(), 0.5)]);
    }
}
