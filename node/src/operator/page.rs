//! The page at `/`: three files in the binary, which ask for nothing but what this listener has.

use actix_web::{
    HttpResponse,
    guard::{self, GuardContext},
    http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, REFERRER_POLICY},
    web::{self, ServiceConfig},
};

/// A browser runs what is served here, and talks to nobody else.
const CSP: &str = "default-src 'none'; connect-src 'self'; script-src 'self'; style-src 'self'; img-src data:; \
                   base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The files, by their paths.
pub(super) fn routes(routes: &mut ServiceConfig) {
    for (path, kind, text) in [
        ("/", "text/html; charset=utf-8", include_str!("page/live.html")),
        ("/live.css", "text/css; charset=utf-8", include_str!("page/live.css")),
        ("/live.js", "text/javascript; charset=utf-8", include_str!("page/live.js")),
    ] {
        let answer = move || async move {
            HttpResponse::Ok()
                .insert_header((CONTENT_TYPE, kind))
                .insert_header((CONTENT_SECURITY_POLICY, CSP))
                .insert_header((REFERRER_POLICY, "no-referrer"))
                .body(text)
        };
        routes.route(path, web::get().guard(guard::fn_guard(is_of_this_machine)).to(answer));
    }
}

/// Whether it is this machine that the client thinks it talks to. A page elsewhere can have its own name lead here (DNS
/// rebinding), and would read what it is answered.
pub(super) fn is_of_this_machine(context: &GuardContext<'_>) -> bool {
    let host = context.head().headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
    let name = name.map_or(host, |(name, _)| name).trim_start_matches('[').trim_end_matches(']');
    name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}
