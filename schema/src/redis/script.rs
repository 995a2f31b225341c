//! Runs the scripts, each over the keys of one user.

use fred::{interfaces::LuaInterface as _, types::Value};
use portico_kernel::{StoreError, UserId};
use portico_session::Session;

use super::{
    keys,
    link::Link,
    record::{self, Fields},
};

macro_rules! scripts {
    ($($name:ident = $file:literal),+ $(,)?) => {
        $(
            pub(super) const $name: &str =
                concat!(include_str!("scripts/shared.lua"), include_str!(concat!("scripts/", $file)));
        )+
    };
}

scripts! {
    INSERT = "insert.lua",
    RAISE = "raise.lua",
    TOUCH = "touch.lua",
    DELETE = "delete.lua",
    DELETE_OTHERS = "delete_others.lua",
    LIST = "list.lua",
}

/// Runs a script that changes sessions of `user`. Answers the hashes of tokens that it names, or nothing when it refuses.
pub(super) async fn run(
    link: &Link,
    script: &'static str,
    user: UserId,
    arguments: Vec<String>,
) -> Result<Option<Vec<String>>, StoreError> {
    let (keys, arguments) = call(user, arguments);
    // The whole text each time: a server that was started again knows no script by its digest.
    let answer =
        link.write(|client| async move { client.eval::<Value, _, _, _>(script, keys, arguments).await }).await?;
    match answer {
        Value::Null => Ok(None),
        Value::Array(hashes) => Ok(Some(hashes.into_iter().filter_map(Value::into_string).collect())),
        other => Err(StoreError::Broken(format!("a script answered {:?}", other.kind()).into())),
    }
}

/// All sessions of `user` that are there.
pub(super) async fn list(link: &Link, user: UserId) -> Result<Vec<Session>, StoreError> {
    let (keys, arguments) = call(user, Vec::new());
    let found: Vec<Fields> = link.read(|client| async move { client.eval(LIST, keys, arguments).await }).await?;
    let session = |mut fields: Fields| {
        let id = fields.remove("id").and_then(|id| id.parse().ok());
        let id = id.ok_or_else(|| StoreError::Broken("a session without an id".into()))?;
        record::session(user, id, fields)
    };
    found.into_iter().map(session).collect()
}

fn call(user: UserId, arguments: Vec<String>) -> (Vec<String>, Vec<String>) {
    let arguments = std::iter::once(keys::sessions(user)).chain(arguments).collect();
    (vec![keys::least(user), keys::index(user)], arguments)
}
