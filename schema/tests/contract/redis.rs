//! Redis keeps the contract of sessions: a real server, which all tests share but those that harm it.

mod expiry;
mod faults;
mod opening;
mod profiles;

use std::{process::Command, sync::LazyLock, time::Duration};

use portico_schema::redis::{Ears, Sessions, Settings};
use portico_tests::Servers;

/// The server that tests share, which none of them kills. Keys hold ids that nobody else has.
static SHARED: LazyLock<Servers> = LazyLock::new(|| Servers::shared(&["redis"]));

struct Opened {
    store: Sessions,
}

async fn opened() -> Opened {
    Opened { store: Sessions::connect(&settings(SHARED.redis_url()), Ears::default()).await.unwrap() }
}

/// Time enough on a busy machine.
fn settings(url: &str) -> Settings {
    Settings { url: url.into(), ca_file: None, timeout: Duration::from_secs(20) }
}

mod session {
    session_contract!(super::opened);
}

/// What the server answers to somebody who looks at the keys themselves.
fn command(servers: &Servers, words: &[&str]) -> String {
    let mut client = Command::new("redis-cli");
    let told = client.args(["-u", servers.redis_url(), "--no-auth-warning"]).args(words).output().unwrap();
    assert!(told.status.success(), "{told:?}");
    String::from_utf8(told.stdout).unwrap().trim_end().to_owned()
}
