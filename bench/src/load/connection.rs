//! One client's connection.

use std::{io, net::SocketAddr};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::Request;

/// More headers than any server under test sends.
const HEADERS_MAX: usize = 48;
/// A first guess at the size of an answer.
const BUFFER_BYTES: usize = 8 * 1024;

/// A connection that is kept alive, with one exchange at a time.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    filled: usize,
}

/// What the server said.
#[derive(Debug, Clone, Copy)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// Whether it says when to come again.
    pub retry_after: bool,
    /// Whether the server closes the connection.
    pub closes: bool,
    body_at: usize,
    body_length: usize,
}

impl Connection {
    /// Connects to a server.
    ///
    /// # Errors
    /// The system's.
    pub async fn open(server: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(server).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: vec![0; BUFFER_BYTES], filled: 0 })
    }

    /// Sends a request and reads its answer to the end.
    ///
    /// # Errors
    /// The system's; what was read is no answer; the server closed the connection before the answer's end.
    pub async fn exchange(&mut self, request: &Request) -> io::Result<Reply> {
        self.filled = 0;
        self.stream.write_all(request.bytes()).await?;
        loop {
            if self.filled == self.buffer.len() {
                self.buffer.resize(self.buffer.len() * 2, 0);
            }
            let read = self.stream.read(&mut self.buffer[self.filled..]).await?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.filled += read;
            if let Some(reply) = parse(&self.buffer[..self.filled])? {
                return Ok(reply);
            }
        }
    }

    /// The body of the last answer.
    pub fn body(&self, reply: &Reply) -> &[u8] {
        &self.buffer[reply.body_at..reply.body_at + reply.body_length]
    }
}

/// The answer, once it is whole.
fn parse(bytes: &[u8]) -> io::Result<Option<Reply>> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut head = httparse::Response::new(&mut headers);
    let invalid = |reason: &str| io::Error::new(io::ErrorKind::InvalidData, reason.to_owned());
    let httparse::Status::Complete(body_at) = head.parse(bytes).map_err(|error| invalid(&error.to_string()))? else {
        return Ok(None);
    };
    let status = head.code.ok_or_else(|| invalid("no status"))?;
    let named = |name: &str| head.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
    if named("transfer-encoding").is_some() {
        return Err(invalid("an answer in chunks, which this client does not read"));
    }
    let length = named("content-length").and_then(|header| std::str::from_utf8(header.value).ok()?.parse().ok());
    let body_length: usize = length.unwrap_or(0);
    let reply = Reply {
        status,
        retry_after: named("retry-after").is_some(),
        closes: named("connection").is_some_and(|header| header.value.eq_ignore_ascii_case(b"close")),
        body_at,
        body_length,
    };
    Ok((bytes.len() >= body_at + body_length).then_some(reply))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 2\r\nRetry-After: 1\r\n\r\n{}";

    #[test]
    fn an_answer_is_parsed_once_it_is_whole_and_not_before() {
        for cut in 0..ANSWER.len() {
            assert!(parse(&ANSWER[..cut]).unwrap().is_none(), "whole after {cut} bytes");
        }

        let reply = parse(ANSWER).unwrap().unwrap();

        assert_eq!((reply.status, reply.retry_after, reply.closes), (503, true, false));
        assert_eq!(&ANSWER[reply.body_at..], b"{}");
    }

    #[test]
    fn what_is_no_answer_is_an_error() {
        assert!(parse(b"SSH-2.0-OpenSSH\r\n\r\n").is_err());
        assert!(parse(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").is_err());
    }
}
