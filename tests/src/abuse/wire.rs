//! Connections for what no well-behaved client sends, and the answers that come back, counted.

use std::time::{Duration, Instant};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

/// How long an answer, or the end of a connection, is waited for.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// A plain TCP connection that survives being cut off.
pub struct Wire(TcpStream);

/// What came back on a connection.
#[derive(Debug, Clone)]
pub struct Heard {
    /// All bytes.
    pub bytes: Vec<u8>,
    /// Whether the other end closed the connection.
    pub closed: bool,
    /// When it was closed, or given up.
    pub after: Duration,
}

/// One answer on a connection.
#[derive(Debug, Clone)]
pub struct Reply {
    /// Its status; 0 if what came is no HTTP.
    pub status: u16,
    /// Status line and headers.
    pub head: String,
    /// The body, as far as it came.
    pub body: Vec<u8>,
}

impl Heard {
    /// The answers, without interim ones.
    pub fn answers(&self) -> Vec<Reply> {
        answers(&self.bytes)
    }

    /// The statuses of all answers: `400`, `200 404`, or `none`.
    pub fn statuses(&self) -> String {
        let statuses: Vec<_> = self.answers().iter().map(|reply| reply.status.to_string()).collect();
        if statuses.is_empty() { "none".to_owned() } else { statuses.join(" ") }
    }
}

impl Wire {
    /// Connects to `http://host:port`.
    pub async fn connect(url: &str) -> Self {
        let address = url.strip_prefix("http://").expect("listeners speak http");
        Self(TcpStream::connect(address).await.expect("the node takes connections"))
    }

    /// Writes bytes; false when the other end takes no more.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        matches!(timeout(PATIENCE, self.0.write_all(bytes.as_ref())).await, Ok(Ok(())))
    }

    /// Closes this end for writing.
    pub async fn end(&mut self) {
        let _closed = self.0.shutdown().await;
    }

    /// Reads until the other end closes, or for `patience`.
    pub async fn hear(&mut self, patience: Duration) -> Heard {
        self.hear_until(patience, |_| false).await
    }

    /// Reads until one whole answer has come.
    pub async fn answer(&mut self) -> Option<Reply> {
        let heard = self.hear_until(PATIENCE, |bytes| parse(bytes).is_some()).await;
        heard.answers().into_iter().next()
    }

    async fn hear_until(&mut self, patience: Duration, enough: impl Fn(&[u8]) -> bool) -> Heard {
        let begun = Instant::now();
        let (mut bytes, mut closed, mut chunk) = (Vec::new(), false, vec![0; 16 * 1024]);
        while !closed && !enough(&bytes) {
            let Some(left) = patience.checked_sub(begun.elapsed()) else { break };
            match timeout(left, self.0.read(&mut chunk)).await {
                Ok(Ok(length)) => {
                    bytes.extend(&chunk[..length]);
                    closed = length == 0;
                }
                Ok(Err(_)) => closed = true,
                Err(_) => break,
            }
        }
        Heard { bytes, closed, after: begun.elapsed() }
    }
}

/// Sends all of `bytes`, says that no more will come, and hears everything until the connection is closed.
pub async fn exchange(url: &str, bytes: impl AsRef<[u8]>) -> Heard {
    let Wire(stream) = Wire::connect(url).await;
    let (read, mut write) = stream.into_split();
    let bytes = bytes.as_ref().to_vec();
    let writer = tokio::spawn(async move {
        let _cut_off = timeout(PATIENCE, write.write_all(&bytes)).await;
        let _closed = write.shutdown().await;
        write // dropped here it would close the connection before the answer is read
    });
    let heard = hear_all(read).await;
    writer.abort();
    heard
}

async fn hear_all(mut read: tokio::net::tcp::OwnedReadHalf) -> Heard {
    let begun = Instant::now();
    let mut bytes = Vec::new();
    let ended = timeout(PATIENCE, read.read_to_end(&mut bytes)).await;
    Heard { bytes, closed: ended.is_ok(), after: begun.elapsed() }
}

/// Every answer in `bytes`, one after the other; what is no HTTP counts as one of status 0.
pub fn answers(mut bytes: &[u8]) -> Vec<Reply> {
    let mut replies = Vec::new();
    while !bytes.is_empty() {
        let (reply, length) = parse(bytes).unwrap_or_else(|| (broken_off(bytes), bytes.len()));
        bytes = &bytes[length..];
        if !(100..200).contains(&reply.status) {
            replies.push(reply);
        }
    }
    replies
}

fn status(head: &str) -> u16 {
    let code = head.strip_prefix("HTTP/1.1 ").or_else(|| head.strip_prefix("HTTP/1.0 "));
    code.and_then(|code| code.get(..3)?.parse().ok()).unwrap_or(0)
}

fn broken_off(bytes: &[u8]) -> Reply {
    let head = String::from_utf8_lossy(bytes).into_owned();
    Reply { status: status(&head), head, body: Vec::new() }
}

/// The first answer in `bytes` and its length; none if it is not whole.
fn parse(bytes: &[u8]) -> Option<(Reply, usize)> {
    let at = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let head = String::from_utf8_lossy(&bytes[..at]).into_owned();
    let status = status(&head);
    let header = |name: &str| {
        let mut pairs = head.lines().filter_map(|line| line.split_once(':'));
        pairs.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned())
    };
    let bodiless = (100..200).contains(&status) || matches!(status, 204 | 304);
    let (body, length) = match header("content-length").and_then(|length| length.parse::<usize>().ok()) {
        _ if bodiless => (Vec::new(), 0),
        Some(length) => (bytes.get(at..at + length)?.to_vec(), length),
        None if header("transfer-encoding").is_some() => chunks(&bytes[at..])?,
        None => (Vec::new(), 0),
    };
    Some((Reply { status, head, body }, at + length))
}

/// A chunked body and its length on the wire.
fn chunks(bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
    let (mut body, mut at) = (Vec::new(), 0);
    loop {
        let line = bytes[at..].windows(2).position(|window| window == b"\r\n")?;
        let size = std::str::from_utf8(&bytes[at..at + line]).ok()?;
        let size = usize::from_str_radix(size.trim(), 16).ok()?;
        at += line + 2;
        body.extend(bytes.get(at..at + size)?);
        at += size + 2;
        if size == 0 {
            return (at <= bytes.len()).then_some((body, at));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_counted_whatever_frames_them() {
        let bytes = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok\
            HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\nHTTP/1.1 400 Bad Request\r\n\r\n";

        let replies = answers(bytes);

        let statuses: Vec<_> = replies.iter().map(|reply| reply.status).collect();
        assert_eq!(statuses, [204, 200, 200, 400]);
        assert_eq!(replies[2].body, b"abc");
    }

    #[test]
    fn what_is_cut_short_or_no_http_counts_as_an_answer_too() {
        let cut = answers(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab");
        let noise = answers(b"220 mail.example.com ESMTP\r\n");

        assert_eq!((cut.len(), cut[0].status), (1, 200));
        assert_eq!((noise.len(), noise[0].status), (1, 0));
    }
}
