//! `portico logs --from`: records of nodes elsewhere, by asking them.

use std::{collections::VecDeque, future::ready, io, pin::pin};

use actix_web::web::Bytes;
use futures_util::{
    StreamExt as _,
    stream::{self, BoxStream},
};
use portico_bus::grpc::{Bridge, Logs, Peers, Settings};
use portico_config::{Config, Role};
use portico_kernel::{Ask, AskError};
use portico_log::{Error, Head, TAIL_LAST_MAX, Tail};
use portico_schema::log::reader::{Entry, PrintOptions, print_one};

use crate::{domains::chain, exit::Failure, output::unwritten, trust::Trust};

/// Records of one node in their order, or why there are no more.
type Records = BoxStream<'static, Result<Entry, Failure>>;

/// Prints what the nodes at `addresses` keep. What one of them fails to tell is told at once, and keeps the others from nothing.
///
/// # Errors
/// The operator's: a node could not be asked, or stopped telling; or the output cannot be written.
pub(super) async fn run(config: &Config, addresses: &[String], options: PrintOptions) -> Result<(), Failure> {
    let last = options.last.map(within_bound).transpose()?;
    let trust = Trust::open(&config.node.tls)?;
    if trust.is_none() && !config.node.plaintext {
        let told = "node.tls: must name an operator's certificate (portico certs issue --operator) to ask a node by";
        return Err(Failure::config(told));
    }
    let tail = Tail { filter: options.filter.clone(), last, follow: options.follow };
    let mut nodes = Vec::new();
    for address in addresses {
        let asked = ask(address, trust.as_ref(), tail.clone()).await;
        nodes.push(asked.unwrap_or_else(|failure| stream::once(ready(Err(failure))).boxed()));
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
    let lines = tailed.map_err(|error| match error {
        Error::Ask(AskError::Unavailable) => Failure::unavailable(format!(
            "{address}: cannot be asked: nobody answers there, or this certificate is not let in (the log of the node says so)"
        )),
        error => Failure::unavailable(format!("{address}: {}", chain(&error))),
    })?;
    let chunks =
        lines.0.map(move |read| read.map_err(|error| Failure::unavailable(format!("{address}: {}", chain(&error)))));
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
        let time =
            |head: &Option<Result<Entry, _>>| head.as_ref().and_then(|told| told.as_ref().ok()).map(|entry| entry.time);
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

/// Prints all of them, until nobody reads any more.
async fn print_all(mut records: Records, options: &PrintOptions) -> Result<(), Failure> {
    let mut is_whole = true;
    while let Some(record) = records.next().await {
        let printed = match record {
            Ok(entry) => print_one(&entry, options, &mut io::stdout().lock()),
            Err(failure) => {
                is_whole = false;
                failure.tell();
                continue;
            }
        };
        match printed {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            printed => printed.map_err(|error| unwritten(&error))?,
        }
    }
    if is_whole { Ok(()) } else { Err(Failure::unavailable("not all records were told")) }
}

#[cfg(test)]
mod tests {
    use time::{Duration, OffsetDateTime};

    use super::*;

    fn node(seconds: &[i64]) -> Records {
        let entry = |second: &i64| {
            let time = OffsetDateTime::UNIX_EPOCH + Duration::seconds(*second);
            Ok(Entry { time, line: second.to_string().into() })
        };
        stream::iter(seconds.iter().map(entry).collect::<Vec<_>>()).boxed()
    }

    /// Told, and nothing after it.
    fn failed() -> Records {
        stream::once(ready(Err(Failure::unavailable("it is away")))).boxed()
    }

    async fn told(nodes: Vec<Records>, last: Option<usize>) -> Vec<String> {
        let line = |told: Result<Entry, Failure>| told.map_or_else(|failure| failure.to_string(), text);
        merged(nodes, last).await.map(line).collect().await
    }

    fn text(entry: Entry) -> String {
        String::from_utf8(entry.line).unwrap()
    }

    #[tokio::test]
    async fn records_of_several_nodes_come_by_time_and_so_do_the_last_few() {
        let nodes = || vec![node(&[1, 4, 5]), node(&[2, 3, 9]), node(&[])];

        assert_eq!(told(nodes(), None).await, ["1", "2", "3", "4", "5", "9"]);
        assert_eq!(told(nodes(), Some(2)).await, ["5", "9"]);
    }

    #[tokio::test]
    async fn a_node_that_fails_is_told_and_keeps_the_others_from_nothing() {
        for last in [None, Some(3)] {
            let nodes = vec![node(&[1, 3]), failed(), node(&[2])];

            assert_eq!(told(nodes, last).await, ["it is away", "1", "2", "3"]);
        }
    }

    #[test]
    fn what_is_no_record_is_passed_over() {
        assert!(entries(Ok(Bytes::from_static(b"{}\nno record\n\n"))).is_empty());
    }
}
