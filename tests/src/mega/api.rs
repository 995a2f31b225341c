//! The commands of the API, and the changes that it tells of.

use std::{collections::HashMap, time::Duration};

use actix_web::{
    HttpResponse,
    http::StatusCode,
    rt::time::sleep,
    web::{Data, Json, Query},
};
use serde_json::{Value, json};

use super::{Fault, Shared, State, account::SHARES, files::USER, lock};

/// Longer than anybody waits.
const FOR_EVER: Duration = Duration::from_mins(10);

type Parameters = Query<HashMap<String, String>>;

pub(super) async fn commands(state: Data<Shared>, query: Parameters, commands: Json<Vec<Value>>) -> HttpResponse {
    let mut answers = Vec::new();
    for command in commands.iter() {
        let name = command["a"].as_str().unwrap_or_default().to_owned();
        let fault = lock(&state).faults.meet(&name);
        if let Some(answer) = go_wrong(fault).await {
            return answer;
        }
        let answer = lock(&state).answer(&name, command, query.get("sid"));
        if fault == Some(Fault::Lost) {
            return HttpResponse::InternalServerError().finish();
        }
        if answer == json!(-15) {
            return HttpResponse::Ok().json(-15); // of the request as a whole
        }
        answers.push(answer);
    }
    HttpResponse::Ok().json(answers)
}

pub(super) async fn changes(state: Data<Shared>, query: Parameters) -> HttpResponse {
    let fault = lock(&state).faults.meet("sc");
    if let Some(answer) = go_wrong(fault).await {
        return answer;
    }
    let state = lock(&state);
    if !state.account.has(query.get("sid")) {
        return HttpResponse::Ok().json(-15);
    }
    HttpResponse::Ok().json(state.files.changes(query.get("sn").map_or("", String::as_str)))
}

/// What is answered in place of what was asked for; nothing when that is done after all.
pub(super) async fn go_wrong(fault: Option<Fault>) -> Option<HttpResponse> {
    match fault? {
        Fault::Code(code) => Some(HttpResponse::Ok().json(code)),
        Fault::Status(status) => Some(HttpResponse::build(StatusCode::from_u16(status).unwrap()).finish()),
        Fault::Hang => {
            sleep(FOR_EVER).await;
            None
        }
        Fault::Lost | Fault::Cut => None,
    }
}

impl State {
    fn answer(&mut self, name: &str, command: &Value, sid: Option<&String>) -> Value {
        match name {
            "us0" => self.account.greet(&command["user"]),
            "us" => self.account.sign_in(&command["user"], &command["uh"]),
            _ if !self.account.has(sid) => json!(-15),
            "f" => self.files.list(),
            "uga" if command["ua"] == "^!keys" => json!({ "v": "1", "av": SHARES, "u": USER }),
            "uq" => self.quota(),
            "u" if self.account.is_full => json!(-17),
            "u" => json!({ "p": format!("{}/ul/place", self.url) }),
            "p" => self.files.make(command),
            "g" => self.source(&command["n"]),
            "d" => self.files.delete(&command["n"]),
            _ => json!(-2),
        }
    }

    fn quota(&self) -> Value {
        let room = if self.account.is_full { 0 } else { 1 << 30 };
        let used = self.files.used_bytes();
        json!({ "mstrg": used + room, "cstrg": used, "cstrgn": {} })
    }

    fn source(&self, handle: &Value) -> Value {
        let handle = handle.as_str().unwrap_or_default();
        match self.files.bytes(handle) {
            None => json!(-9),
            Some(bytes) => {
                let url = format!("{}/dl/{handle}", self.url);
                json!({ "g": url, "s": bytes.len(), "at": self.files.name(handle) })
            }
        }
    }
}
