//! A collector that takes whatever comes by OTLP over HTTP.

use std::{
    net::TcpListener,
    sync::{Arc, Mutex, mpsc},
    thread,
};

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, dev::ServerHandle, rt::System, web};
use opentelemetry_proto::tonic::{collector::trace::v1::ExportTraceServiceRequest, trace::v1::Span};
use prost::Message as _;

/// Whatever was sent, as it came.
type Sent = Arc<Mutex<Vec<(String, web::Bytes)>>>;

/// A collector of a test's own, until it is dropped.
pub struct Collector {
    /// What nodes are told as `telemetry.otlp.endpoint`.
    pub url: String,
    sent: Sent,
    server: ServerHandle,
}

impl Collector {
    /// Listens on loopback.
    ///
    /// # Panics
    /// When it cannot.
    pub fn start() -> Self {
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
    ///
    /// # Panics
    /// When the collector has crashed.
    pub fn has(&self, words: &[&str]) -> bool {
        let has = |body: &[u8], word: &str| body.windows(word.len()).any(|part| part == word.as_bytes());
        let sent = self.sent.lock().unwrap();
        sent.iter().any(|(path, body)| path == "/v1/metrics" && words.iter().all(|word| has(body, word)))
    }
}

impl Collector {
    /// All spans that came, in the order of their ends, more or less.
    ///
    /// # Panics
    /// When what came is none.
    pub fn spans(&self) -> Vec<Span> {
        let sent = self.sent.lock().unwrap();
        let traces = sent.iter().filter(|(path, _)| path == "/v1/traces");
        let requests = traces.map(|(_, body)| ExportTraceServiceRequest::decode(body.clone()).unwrap());
        let resources = requests.flat_map(|request| request.resource_spans);
        resources.flat_map(|resource| resource.scope_spans).flat_map(|scope| scope.spans).collect()
    }

    /// Whether a text came, anywhere.
    ///
    /// # Panics
    /// When the collector has crashed.
    pub fn was_told(&self, text: &str) -> bool {
        let sent = self.sent.lock().unwrap();
        sent.iter().any(|(_, body)| body.windows(text.len()).any(|part| part == text.as_bytes()))
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
