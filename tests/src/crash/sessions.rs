//! Looks at where a home's nodes keep sessions: a database, or Redis.

use std::{collections::BTreeSet, process::Command};

use super::Rows;
use crate::{Home, servers::run};

/// The last epoch, under which nobody signs in any more, as Redis holds it.
const LAST_EPOCH: &str = "18446744073709551615";
/// Answers `session USER` of every session, and `buried USER` of every user whose least epoch is the last one.
const LOOK: &str = "local found = {} \
    for _, key in ipairs(redis.call('KEYS', 'portico:{*}:*')) do \
      local user = key:match('{(.-)}') \
      if key:find(':session:', 1, true) then table.insert(found, 'session ' .. user) end \
      if key:find(':least', 1, true) and redis.call('GET', key) == ARGV[1] then table.insert(found, 'buried ' .. user) end \
    end \
    return found";

/// Whose sessions there are, and who was buried. Ids without hyphens.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Sessions {
    pub(super) owners: BTreeSet<String>,
    pub(super) buried: BTreeSet<String>,
}

/// Reads them.
pub(super) async fn read(home: &Home) -> Sessions {
    if let Some(url) = home.setting("session.store.url") {
        let (url, ca) = (url.to_owned(), home.setting("session.store.ca_file").unwrap_or_default().to_owned());
        let said = tokio::task::spawn_blocking(move || redis(&url, &ca)).await;
        return of(&said.expect("redis-cli answers"));
    }
    let mut rows = Rows::open(&home.data(), "session.db").await;
    let sessions = Sessions {
        owners: rows.texts("SELECT DISTINCT lower(hex(user_id)) FROM sessions").await,
        buried: rows.texts("SELECT lower(hex(user_id)) FROM epochs WHERE least = 9223372036854775807").await,
    };
    rows.close().await;
    sessions
}

fn redis(url: &str, ca: &str) -> String {
    let mut client = Command::new("redis-cli");
    client.args(["-u", url, "--no-auth-warning"]);
    if !ca.is_empty() {
        client.args(["--cacert", ca]);
    }
    run(client.args(["EVAL", LOOK, "0", LAST_EPOCH]))
}

fn of(said: &str) -> Sessions {
    let mut sessions = Sessions::default();
    for (kind, user) in said.lines().filter_map(|line| line.split_once(' ')) {
        let user = user.replace('-', "");
        if kind == "session" {
            sessions.owners.insert(user)
        } else {
            sessions.buried.insert(user)
        };
    }
    sessions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_redis_says_is_told_apart() {
        let sessions = of("session 01-a\nsession 01-a\nburied 02-b\n\n");

        let set = |user: &str| BTreeSet::from([user.to_owned()]);
        assert_eq!(sessions, Sessions { owners: set("01a"), buried: set("02b") });
    }
}
