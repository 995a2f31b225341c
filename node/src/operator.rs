//! The operator's listener: `/livez`, `/readyz`, `/metrics`, `/tree`, and a page at `/` that shows the node as it lives. It has
//! no authentication and stays on loopback; the first three may be had elsewhere as well, from a listener that has nothing else.

mod live;
mod page;

use std::{io, net::SocketAddr};

use actix_web::{
    App, HttpResponse, HttpServer,
    dev::ServerHandle,
    guard,
    http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, ContentType, HeaderName, X_CONTENT_TYPE_OPTIONS},
    middleware::DefaultHeaders,
    web::{self, Data, Json, ServiceConfig},
};
use portico_kernel::{Tree, TreeHandle};

pub(crate) use self::live::Live;
use crate::{metrics::Metrics, readiness::Readiness};

/// A browser shows these answers as text, alone.
const CSP: (HeaderName, &str) = (CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'");

/// What the listener shows.
#[derive(Clone)]
pub(crate) struct Operator {
    /// The supervision tree.
    pub(crate) tree: TreeHandle,
    /// Whether the node can serve.
    pub(crate) readiness: Readiness,
    /// What the node counts.
    pub(crate) metrics: Metrics,
    /// What only the page shows.
    pub(crate) live: Live,
}

impl Operator {
    /// Serves `routes` until the listener is stopped.
    ///
    /// # Errors
    /// The operator's: the address cannot be bound.
    pub(crate) fn serve(&self, listen: SocketAddr, routes: fn(&mut ServiceConfig)) -> io::Result<Listener> {
        let shown = self.clone();
        let server = HttpServer::new(move || {
            App::new()
                .wrap(
                    DefaultHeaders::new()
                        .add((CACHE_CONTROL, "no-store"))
                        .add((X_CONTENT_TYPE_OPTIONS, "nosniff"))
                        .add(CSP),
                )
                .app_data(Data::new(shown.clone()))
                .configure(routes)
        })
        .workers(1)
        .disable_signals()
        .shutdown_timeout(1)
        .bind(listen)?;
        let address = server.addrs()[0];
        let server = server.run();
        let handle = server.handle();
        actix_web::rt::spawn(server);
        Ok(Listener { address, handle })
    }
}

/// A listener that serves.
pub(crate) struct Listener {
    /// The address that it has bound.
    pub(crate) address: SocketAddr,
    handle: ServerHandle,
}

impl Listener {
    /// Closes it, whatever it is asked at the moment.
    pub(crate) async fn close(self) {
        self.handle.stop(false).await;
    }
}

/// All that there is to see.
pub(crate) fn everything(routes: &mut ServiceConfig) {
    monitoring(routes);
    page::routes(routes);
    routes
        .route("/tree", web::get().guard(guard::fn_guard(page::is_of_this_machine)).to(tree))
        .route("/live", web::get().guard(guard::fn_guard(page::is_of_this_machine)).to(live::stream));
}

/// What probes and Prometheus ask for.
pub(crate) fn monitoring(routes: &mut ServiceConfig) {
    routes
        .route("/livez", web::get().to(livez))
        .route("/readyz", web::get().to(readyz))
        .route("/metrics", web::get().to(metrics));
}

/// The process answers: nothing more is said.
async fn livez() -> &'static str {
    "ok\n"
}

async fn readyz(operator: Data<Operator>) -> HttpResponse {
    let report = operator.readiness.report().await;
    let mut answer = if report.ready { HttpResponse::Ok() } else { HttpResponse::ServiceUnavailable() };
    answer.json(report)
}

async fn metrics(operator: Data<Operator>) -> HttpResponse {
    HttpResponse::Ok().insert_header(ContentType::plaintext()).body(operator.metrics.render().await)
}

async fn tree(operator: Data<Operator>) -> Json<Tree> {
    Json(operator.tree.snapshot())
}
