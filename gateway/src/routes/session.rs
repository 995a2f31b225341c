//! Sessions: parse, ask, render.

use actix_web::{HttpResponse, http::header::HeaderName, web::Data};
use portico_kernel::Ask;
use portico_session::{self as session, Delete, DeleteOthers, Error, List, SessionId};
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use crate::{
    Answer, Api, Body, Description, Id, Json, NoContent, Problem, SignedIn, Timestamp, answer_header,
    cookie::{self, Purpose},
    middleware::ids::id_value,
    settings::Settings,
};

/// The routes of sessions.
pub(crate) fn routes(api: Api) -> Api {
    api.tag("Sessions", "Where a user is signed in, signing out, and forward authentication.")
        .delete("/logout", logout)
        .summary("Signs out: ends the current session")
        .get("/me/sessions", list_sessions)
        .summary("Lists the signed-in user's sessions, latest first")
        .delete("/me/sessions", end_other_sessions)
        .summary("Ends all sessions but the current one")
        .delete("/me/sessions/{id}", end_session)
        .summary("Ends one session")
        .get("/session/verify", verify_session)
        .summary("Tells a proxy whose session a request carries")
        .description(
            "Forward authentication for nginx (`auth_request`), Traefik (`forwardAuth`) and Envoy (`ext_authz`).",
        )
}

async fn logout(
    settings: Data<Settings>,
    sessions: Data<Ask<Delete>>,
    signed_in: SignedIn,
) -> Result<SignedOut, Problem> {
    let ended = sessions.ask(Delete { user: signed_in.user(), session: signed_in.session.id }).await;
    match ended {
        Ok(()) | Err(Error::Unknown) => Ok(SignedOut::new(&settings, &[Purpose::Session])), // somebody else was quicker to end it
        Err(error) => Err(error.into()),
    }
}

async fn list_sessions(sessions: Data<Ask<List>>, signed_in: SignedIn) -> Result<Json<Vec<Session>>, Problem> {
    let all = sessions.ask(List { user: signed_in.user() }).await?;
    Ok(Json(all.iter().map(|session| Session::new(session, signed_in.session.id)).collect()))
}

async fn end_other_sessions(sessions: Data<Ask<DeleteOthers>>, signed_in: SignedIn) -> Result<NoContent, Problem> {
    sessions.ask(DeleteOthers { user: signed_in.user(), keep: signed_in.session.id }).await?;
    Ok(NoContent::default())
}

async fn end_session(
    settings: Data<Settings>,
    sessions: Data<Ask<Delete>>,
    signed_in: SignedIn,
    Id(session): Id<SessionId>,
) -> Result<NoContent, Problem> {
    sessions.ask(Delete { user: signed_in.user(), session }).await?;
    Ok(if session == signed_in.session.id {
        SignedOut::new(&settings, &[Purpose::Session]).0
    } else {
        NoContent::default()
    })
}

async fn verify_session(signed_in: SignedIn) -> Result<Verified, Problem> {
    Ok(Verified(signed_in))
}

/// 204 that makes a browser forget whoever was signed in.
pub(crate) struct SignedOut(NoContent);

const CLEAR_HEADER: &str = "Clear-Site-Data";

impl SignedOut {
    /// Clears `cookies`, and the pictures that the browser cached.
    pub(crate) fn new(settings: &Settings, cookies: &[Purpose]) -> Self {
        let cookies = cookies.iter().map(|purpose| cookie::clear(settings, *purpose)).collect();
        // Not "cookies": a device stays known.
        Self(NoContent { cookies, headers: vec![(CLEAR_HEADER, r#""cache""#.to_owned())] })
    }
}

impl actix_web::Responder for SignedOut {
    type Body = actix_web::body::BoxBody;

    fn respond_to(self, request: &actix_web::HttpRequest) -> actix_web::HttpResponse {
        self.0.respond_to(request)
    }
}

impl Answer for SignedOut {
    const MEDIA: &'static [&'static str] = &[];

    fn describe(operation: &mut Description<'_>) {
        let answer = operation.answer(204, "Done; the cookie is cleared.");
        answer.headers.insert(CLEAR_HEADER.into(), answer_header("`\"cache\"`: pictures leave the browser as well."));
    }
}

/// A session, without what opens it.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(example = serde_json::json!({
    "id": "0197f000-0000-7000-8000-000000000002",
    "created_at": "2026-01-02T03:04:05Z",
    "last_seen_at": "2026-01-02T03:04:05Z",
    "expires_at": "2026-01-03T03:04:05Z",
    "user_agent": "curl/8.5.0",
    "address": "192.0.2.1",
    "current": true,
}))]
pub(crate) struct Session {
    id: Uuid,
    created_at: Timestamp,
    /// To the minute.
    last_seen_at: Timestamp,
    /// When it ends if it is not used again.
    expires_at: Timestamp,
    user_agent: Option<String>,
    address: Option<String>,
    /// Whether the request was made under it.
    current: bool,
}

impl Session {
    /// A session as its owner sees it under the session `current`.
    pub(crate) fn new(session: &session::Session, current: SessionId) -> Self {
        Self {
            id: session.id.uuid(),
            created_at: Timestamp(session.created_at),
            last_seen_at: Timestamp(session.last_seen_at),
            expires_at: Timestamp(session.expires_at),
            user_agent: session.client.user_agent.clone(),
            address: session.client.address.map(|address| address.to_string()),
            current: session.id == current,
        }
    }
}

impl Body for Vec<Session> {}

/// 204 that names user and session to the proxy that asked.
struct Verified(SignedIn);

const X_USER_ID: HeaderName = HeaderName::from_static("x-user-id");
const X_SESSION_ID: HeaderName = HeaderName::from_static("x-session-id");

impl actix_web::Responder for Verified {
    type Body = actix_web::body::BoxBody;

    fn respond_to(self, _: &actix_web::HttpRequest) -> actix_web::HttpResponse {
        let session = self.0.session;
        let [user, session] = [session.user.uuid(), session.id.uuid()].map(|id| id_value(&id));
        HttpResponse::NoContent().insert_header((X_USER_ID, user)).insert_header((X_SESSION_ID, session)).finish()
    }
}

impl Answer for Verified {
    const MEDIA: &'static [&'static str] = &[];

    fn describe(operation: &mut Description<'_>) {
        let answer = operation.answer(204, "The session is live.");
        answer.headers.insert("X-User-Id".into(), answer_header("Whose session it is."));
        answer.headers.insert("X-Session-Id".into(), answer_header("Which session it is."));
    }
}
