//! `portico logs --from`: records of nodes elsewhere, by asking them.

use std::{collections::VecDeque, io, pin::pin};

use bytes::Bytes;
use futures_util::{
    StreamExt as _,
    stream::{self, BoxStream},
};
use portico_bus::grpc::{Bridge, Logs, Peers, Settings};
use portico_config::{Config, Role};
use portico_kernel::Ask;
use portico_log::{Head, TAIL_LAST_MAX, Tail};
use portico_schema::log::reader::{Entry, PrintOptions, print_one};

use crate::{domains::chain, exit::Failure, output::unwritten, trust::Trust};

/// Records of one node in their order, or why there are no more.
type Records = BoxStream<'static, Result<Entry, Failure>>;

/// Prints what the nodes at `addresses` keep. What one of them fails to tell keeps the others from nothing; it is the answer.
///
/// # Errors
/// The operator's: a node cannot be asked, or stopped telling; or the output cannot be written.
pub(super) async fn run(config: &Config, addresses: &[String], options: PrintOptions) -> Result<(), Failure> {
    let last = options.last.map(|last| within_bound(last)).transpose()?;
    let trust = Trust::open(&config.node.tls)?;
    if trust.is_none() && !config.node.plaintext {
        let told = "node.tls: must name an operator's certificate (portico certs issue --operator) to ask a node by";
        return Err(Failure::config(told));
    }
    let tail = Tail { filter: options.filter.clone(), last, follow: options.follow };
    let mut nodes = Vec::new();
    for address in addresses {
        nodes.push(ask(address, trust.as_ref(), tail.clone()).await?);
    }
    let records = if options.follow { stream::select_all(nodes).boxed() } else { merged(nodes, options.last).await };
    print_all(records, &options).await
}

fn within_bound(last: usize) -> Result<u32, Failure> {
    let within = u32::try_from(last).ok().filter(|last| *last <= TAIL_LAST_MAX);
    within.ok_or_else(|| Failure::usage(format!("--last: must be at most {TAIL_LAST_MAX} of nodes elsewhere")))
}

/// Has a node tell its records.
async fn ask(address: &str, trust: Option<&Trust>, tail: Tail) -> Result<Records, Failure> {
    let settings = Settings::of([address]);
    let settings = match trust {
        Some(trust) => settings.tls(&trust.client()).server_name(Role::Log.name()),
        None => settings,
    };
    let address = address.to_owned();
    let tailed = Ask::<Tail>::new(Bridge::<Logs>::new(Peers::new(settings))).ask(tail).await;
    let lines = tailed.map_err(|error| Failure::unavailable(format!("{address}: {}", chain(&error))))?;
    let chunks = lines.0.map(move |read| read.map_err(|error| Failure::unavailable(format!("{address}: {}", chain(&error)))));
    Ok(chunks.flat_map(|chunk| stream::iter(entries(chunk))).boxed())
}

/// The records of whole lines. What is none is passed over, as it is in a file.
fn entries(chunk: Result<Bytes, Failure>) -> Vec<Result<Entry, Failure>> {
    match chunk {
        Ok(lines) => lines.split(|byte| *byte == b'\n').filter_map(entry).map(Ok).collect(),
        Err(failure) => vec![Err(failure)],
    }
}

fn entry(line: &[u8]) -> Option<Entry> {
    Some(Entry { time: Head::parse(line).ok()?.time, line: line.to_vec() })
}

/// The records of all nodes by time, of which each node's are in order; only the `last` so many, if that is asked for.
async fn merged(nodes: Vec<Records>, last: Option<usize>) -> Records {
    let mut heads = Vec::new();
    for mut records in nodes {
        heads.push((records.next().await, records));
    }
    let by_time = stream::unfold(heads, |mut heads| async {
        // What failed has no time, and is told at once.
        let time = |head: &Option<Result<Entry, _>>| head.as_ref().and_then(|told| told.as_ref().ok()).map(|entry| entry.time);
        let (head, records) = heads.iter_mut().filter(|(head, _)| head.is_some()).min_by_key(|(head, _)| time(head))?;
        let told = head.take()?;
        *head = records.next().await;
        Some((told, heads))
    });
    let Some(last) = last else { return by_time.boxed() };
    let (mut kept, mut failed) = (VecDeque::new(), Vec::new());
    let mut by_time = pin!(by_time);
    while let Some(told) = by_time.next().await {
        match told {
            Ok(entry) => kept.push_back(entry),
            Err(failure) => failed.push(Err(failure)),
        }
        if kept.len() > last {
            kept.pop_front();
        }
    }
    stream::iter(failed.into_iter().chain(kept.into_iter().map(Ok))).boxed()
}

/// Prints all of them, until nobody reads any more. What could not be told is the answer, once the others have been printed.
async fn print_all(mut records: Records, options: &PrintOptions) -> Result<(), Failure> {
    let mut told = Ok(());
    while let Some(record) = records.next().await {
        let printed = match record {
            Ok(entry) => print_one(&entry, options, &mut io::stdout().lock()),
            Err(failure) => {
                told = told.and(Err(failure));
                continue;
            }
        };
        match printed {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            printed => printed.map_err(|error| unwritten(&error))?,
        }
    }
    told
}
