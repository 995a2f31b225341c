//! Clients that take their time: with their heads, their bodies, and with what they are answered.
//!
//! Invariant that is attacked: a connection on which nothing gets on is cut off, however little it asks for.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
    time::sleep,
};

use super::{Extent, Ledger, Wire, exchange};
use crate::{Account, Home, Node};

/// How long a connection that is to be cut off is watched: the sum of all deadlines, and as much again.
const WATCHED: Duration = Duration::from_secs(40);

/// A client's connection, and what it does to hold it.
struct Holding {
    what: &'static str,
    /// Whether a whole request is sent first, and answered.
    later: bool,
    /// Sent at once.
    opening: String,
    /// Sent again and again, one every [`TRICKLE`]; nothing if it is empty.
    drop: &'static str,
}

const TRICKLE: Duration = Duration::from_millis(200);

/// Runs the attack.
pub(super) async fn run(extent: Extent, ledger: Ledger) {
    let home = match extent {
        Extent::Short => Home::new()
            .set("gateway.deadlines.head_ms", "500")
            .set("gateway.deadlines.body_idle_ms", "500")
            .set("gateway.deadlines.answer_idle_ms", "500")
            .set("gateway.deadlines.keep_alive_ms", "1000"),
        Extent::Full => {
            Home::new().set("gateway.deadlines.keep_alive_ms", "10000").set("gateway.deadlines.answer_idle_ms", "10000")
        }
    };
    let node = home.up().await;
    let ann = node.register("ann").await;
    let held: Vec<_> =
        holdings(&ann, extent).into_iter().map(|holding| hold(node.gateway().to_owned(), holding)).collect();
    for holding in held {
        let (what, seen) = holding.await.expect("no holding panics");
        ledger.judge(what, "cut off", &seen, seen.starts_with("cut off"));
    }
    readers(&node, &ann, extent, &ledger).await;
    crowd(&node, &ann, extent, &ledger).await;
    ledger.memory(extent, "the node of the slow clients", &node);
}

fn holdings(ann: &Account, extent: Extent) -> Vec<Holding> {
    let token = &ann.token;
    let json = "host: x\r\ncontent-type: application/json\r\n";
    let upload =
        format!("POST /me/photos HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-type: image/png\r\n");
    let holding = |what, opening: String, later, drop| Holding { what, later, opening, drop };
    let mut holdings = vec![
        holding("a connection that says nothing", String::new(), false, ""),
        holding("a head that stops", "GET /me HTTP/1.1\r\nhost: ".into(), false, ""),
        holding("a head that trickles", "GET /me HTTP/1.1\r\nx: ".into(), false, "y"),
        holding("empty lines that trickle", String::new(), false, "\r\n"),
        holding("a connection that stays after a request", String::new(), true, ""),
        holding("a second head that stops", "GET /me HTTP/1.1\r\nhost: ".into(), true, ""),
        holding("a second head that trickles", "GET /me HTTP/1.1\r\nx: ".into(), true, "y"),
        holding("a body that stops", format!("POST /auth HTTP/1.1\r\n{json}content-length: 100\r\n\r\n{{"), false, ""),
        holding(
            "a chunk that stops",
            format!("POST /auth HTTP/1.1\r\n{json}transfer-encoding: chunked\r\n\r\n5\r\n{{"),
            false,
            "",
        ),
        holding(
            "a chunk's extension that trickles",
            format!("POST /auth HTTP/1.1\r\n{json}transfer-encoding: chunked\r\n\r\n5;"),
            false,
            "x",
        ),
        holding(
            "trailers that trickle",
            format!("POST /auth HTTP/1.1\r\n{json}transfer-encoding: chunked\r\n\r\n2\r\n{{}}\r\n0\r\n"),
            false,
            "a: b\r\n",
        ),
        holding("an upload that stops", format!("{upload}content-length: 100000\r\n\r\n\u{89}PNG"), false, ""),
        holding(
            "the body of a refused request, by length, that trickles",
            format!("POST /nowhere HTTP/1.1\r\n{json}content-length: 1000000\r\n\r\n"),
            false,
            "x",
        ),
        holding(
            "the body of a refused request, in chunks, that trickles",
            format!("POST /nowhere HTTP/1.1\r\n{json}transfer-encoding: chunked\r\n\r\n"),
            false,
            "1\r\nx\r\n",
        ),
        holding(
            "the body of a refused request, in chunks, that stops",
            format!("POST /nowhere HTTP/1.1\r\n{json}transfer-encoding: chunked\r\n\r\n1\r\n"),
            false,
            "",
        ),
    ];
    if extent.is_full() {
        let body = format!("POST /auth HTTP/1.1\r\n{json}content-length: 10000\r\n\r\n");
        holdings.push(holding("a body that trickles below the least rate", body, false, " "));
        holdings.push(holding(
            "an upload that trickles",
            format!("{upload}content-length: 100000\r\n\r\n"),
            false,
            "x",
        ));
    }
    holdings
}

fn request() -> String {
    "GET /nowhere HTTP/1.1\r\nhost: x\r\n\r\n".to_owned()
}

/// Holds a connection for as long as it lasts; what became of it.
fn hold(url: String, holding: Holding) -> tokio::task::JoinHandle<(&'static str, String)> {
    tokio::spawn(async move {
        let mut wire = Wire::connect(&url).await;
        if holding.later {
            wire.send(request()).await;
            wire.answer().await;
        }
        wire.send(&holding.opening).await;
        let seen = if holding.drop.is_empty() { wait(wire).await } else { trickle(wire, holding.drop).await };
        (holding.what, seen)
    })
}

async fn wait(mut wire: Wire) -> String {
    let heard = wire.hear(WATCHED).await;
    told(heard.closed, heard.after)
}

/// Sends until nothing is taken any more.
async fn trickle(mut wire: Wire, drop: &str) -> String {
    let begun = std::time::Instant::now();
    while begun.elapsed() < WATCHED {
        if wire.hear(TRICKLE).await.closed || !wire.send(drop).await {
            return told(true, begun.elapsed());
        }
    }
    told(false, begun.elapsed())
}

fn told(closed: bool, after: Duration) -> String {
    format!("{} after {:.1} s", if closed { "cut off" } else { "still open" }, after.as_secs_f64())
}

/// Clients that ask for a large picture and take nothing of it, or next to nothing.
async fn readers(node: &Node, ann: &Account, extent: Extent, ledger: &Ledger) {
    let photo = ann.upload(noise(1700)).await;
    let url = photo["content_url"].as_str().unwrap_or_default().to_owned();
    let request = format!("GET {url} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\r\n", ann.token);
    let count = extent.pick(3, 200);
    for (what, piece) in [("nothing", 0), ("128 bytes a second", 64)] {
        let mut readers = Vec::new();
        for _ in 0..count {
            let mut reader = deaf(node).await;
            reader.write_all(request.as_bytes()).await.expect("the node takes requests");
            readers.push(tokio::spawn(is_cut_off(reader, piece)));
        }
        let mut cut = 0;
        for reader in readers {
            cut += usize::from(reader.await.unwrap_or(false));
        }
        ledger.equal(format!("{count} clients that ask for 9 MB and read {what}: cut off"), count, cut);
    }
}

/// A connection whose receive buffer is as small as the system allows.
async fn deaf(node: &Node) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("there are descriptors left");
    socket.set_recv_buffer_size(4096).expect("a buffer may be small");
    let address = node.gateway().trim_start_matches("http://").parse().expect("a listener has an address");
    socket.connect(address).await.expect("the node takes connections")
}

/// Whether the other end lets go of a connection on which `piece` bytes are read twice a second: then a byte that is sent is
/// answered by a reset.
async fn is_cut_off(mut reader: TcpStream, piece: usize) -> bool {
    let begun = std::time::Instant::now();
    while begun.elapsed() < WATCHED {
        sleep(Duration::from_millis(500)).await;
        if piece > 0 && reader.read(&mut vec![0; piece]).await.is_err() {
            return true;
        }
        if reader.write_all(b"x").await.is_err() {
            return true;
        }
    }
    false
}

/// A picture that no packing makes smaller.
fn noise(side: u32) -> Vec<u8> {
    let mut state = 1_u32;
    let picture = image::RgbImage::from_fn(side, side, |_, _| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let [_, a, b, c] = state.to_le_bytes();
        image::Rgb([a, b, c])
    });
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut bytes, image::ImageFormat::Png).expect("memory takes everything");
    bytes.into_inner()
}

/// Many heads and bodies that are almost whole, all at the same time; somebody else is served meanwhile.
async fn crowd(node: &Node, ann: &Account, extent: Extent, ledger: &Ledger) {
    super::descriptors::raise();
    let count = extent.pick(20, 1000);
    let head = format!("GET /me HTTP/1.1\r\nhost: x\r\nx: {}", "y".repeat(120_000));
    let body = format!(
        "POST /auth HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 65000\r\n\r\n{}",
        " ".repeat(60_000)
    );
    let mut crowd = Vec::new();
    for _ in 0..count {
        for opening in [&head, &body] {
            let mut wire = Wire::connect(node.gateway()).await;
            wire.send(opening).await;
            crowd.push(wire);
        }
    }
    let mut served = 0;
    for _ in 0..20 {
        served += u32::from(ann.get("/me").await.status == 200);
    }
    ledger.equal(format!("20 requests beside {count} large heads and {count} bodies that stop"), 20, served);
    let mut cut = 0;
    for mut wire in crowd {
        cut += usize::from(wire.hear(WATCHED).await.closed);
    }
    ledger.equal("of those, cut off", 2 * count, cut);
    ledger.equal("afterwards the node serves", "404", exchange(node.gateway(), request()).await.statuses());
}
