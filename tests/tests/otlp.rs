//! What a node counts, told to a collector by OTLP over HTTP. The collector here takes whatever comes: what real ones make of
//! it, `deploy/README.md` tells.

use std::{
    net::TcpListener,
    sync::{Arc, Mutex, mpsc},
    thread,
    time::Duration,
};

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, dev::ServerHandle, rt::System, web};
use portico_tests::{Home, eventually};

/// Whatever was sent, as it came.
type Sent = Arc<Mutex<Vec<(String, web::Bytes)>>>;

struct Collector {
    url: String,
    sent: Sent,
    server: ServerHandle,
}

impl Collector {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (sent, (sender, receiver)) = (Sent::default(), mpsc::channel());
        let kept = Arc::clone(&sent);
        thread::spawn(move || {
            System::new().block_on(async move {
                let server = HttpServer::new(move || {
                    let kept = web::Data::new(Arc::clone(&kept));
                    App::new().app_data(kept).default_service(web::post().to(take))
                });
                let server = server.workers(1).disable_signals().listen(listener).unwrap().run();
                sender.send(server.handle()).unwrap();
                server.await.unwrap();
            });
        });
        Self { url, sent, server: receiver.recv().unwrap() }
    }

    /// Whether all of `words` came in one message to where metrics go.
    fn has(&self, words: &[&str]) -> bool {
        let has = |body: &[u8], word: &str| body.windows(word.len()).any(|part| part == word.as_bytes());
        let sent = self.sent.lock().unwrap();
        sent.iter().any(|(path, body)| path == "/v1/metrics" && words.iter().all(|word| has(body, word)))
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        drop(self.server.stop(false));
    }
}

async fn take(request: HttpRequest, body: web::Bytes, kept: web::Data<Sent>) -> HttpResponse {
    kept.lock().unwrap().push((request.path().to_owned(), body));
    HttpResponse::Ok().finish()
}

#[tokio::test]
async fn a_collector_is_told_what_the_node_counts_and_whose_it_is() {
    let collector = Collector::start();
    let home = Home::new().set("telemetry.otlp.endpoint", &collector.url).set("telemetry.otlp.every_s", "1");
    let home = home.set("node.name", "node-7");
    let node = home.up().await;
    node.client().get("/docs").await;

    let counted = ["http.server.request.duration", "portico.actor.mailbox.depth", "portico.outbox.depth"];
    eventually("all that is counted", || async { collector.has(&counted).then_some(()) }).await;

    assert!(collector.has(&["service.name", "portico", "service.instance.id", "node-7"]));
}

#[tokio::test]
async fn what_was_counted_last_is_sent_when_the_node_ends() {
    let collector = Collector::start();
    let home = Home::new().set("telemetry.otlp.endpoint", &collector.url).set("telemetry.otlp.every_s", "3600");
    let node = home.up().await;

    let exit = node.stop().await;

    assert_eq!(exit.code(), Some(0), "{exit:?}");
    assert!(collector.has(&["portico.actor.handled"]));
}

#[tokio::test]
async fn a_collector_that_never_answers_delays_neither_requests_nor_the_nodes_end() {
    let mute = TcpListener::bind("127.0.0.1:0").unwrap(); // the system takes what comes, and nobody reads it
    let endpoint = format!("http://{}", mute.local_addr().unwrap());
    let home = Home::new().set("telemetry.otlp.endpoint", &endpoint).set("telemetry.otlp.every_s", "1");
    let home = home.set("shutdown.deadline_ms", "2000");
    let node = home.up().await;
    tokio::time::sleep(Duration::from_millis(1500)).await;

    let answer = node.client().get("/openapi.json").await;
    let exit = node.stop().await;

    assert_eq!(answer.status, 200);
    assert_eq!(exit.code(), Some(0), "{exit:?}");
}
