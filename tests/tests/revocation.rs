//! What was ended stays ended, whatever kept the session store from hearing of it in time.

use std::process::Child;

use portico_tests::{Home, PASSWORD, eventually};
use sea_orm::{ConnectionTrait as _, Database};
use serde_json::json;

const NEW_PASSWORD: &str = "marble compass lantern";
/// More events than are handed over at the same time, and than are read at once.
const EVENTS_BEFORE: usize = 250;
/// From now on the sessions' database refuses to raise an epoch.
const REFUSE_EPOCHS: &str =
    "CREATE TRIGGER refuse_epochs BEFORE INSERT ON epochs BEGIN SELECT RAISE(ABORT, 'refused'); END";

/// Changes a database of this home by `statements`.
async fn change(home: &Home, database: &str, statements: impl IntoIterator<Item = String>) {
    let url = format!("sqlite://{}?mode=rw", home.data().join(database).display());
    let database = Database::connect(url).await.unwrap();
    for statement in statements {
        database.execute_unprepared(&statement).await.unwrap();
    }
    database.close().await.unwrap();
}

/// The statement that leaves an event in the outbox, as the change that it tells of did. `number` makes its id.
fn leave_event(number: usize, kind: &str, user: &str, epoch: i64) -> String {
    let event = json!({
        "specversion": "1.0", "id": format!("{number:032x}"), "source": "/portico/user", "type": kind, "subject": user,
        "time": "2026-01-01T00:00:00Z", "datacontenttype": "application/json",
        "data": { "user_id": user, "version": epoch, "epoch": epoch },
    });
    format!("INSERT INTO outbox (id, event) VALUES (X'{number:032x}', '{event}')")
}

/// A process that is killed when the test is done with it.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ended = self.0.kill();
        let _reaped = self.0.wait();
    }
}

#[tokio::test]
async fn a_session_that_a_crash_kept_from_being_revoked_is_refused_from_the_first_request_on() {
    let home = Home::new();
    let node = home.up().await;
    let (ann, ben) = (node.register("ann").await, node.register("ben").await);
    node.stop().await;
    let before = (1..=EVENTS_BEFORE)
        .map(|number| leave_event(number, "user.registered", &format!("00000000-0000-7000-8000-{number:012x}"), 1));
    let events = before.chain([leave_event(EVENTS_BEFORE + 1, "user.updated", &ann.id, 2)]);
    change(&home, "user.db", events).await;
    let refuse = "CREATE TRIGGER refuse BEFORE INSERT ON inbox BEGIN SELECT RAISE(ABORT, 'refused'); END";
    change(&home, "photo.db", [refuse.to_owned()]).await;

    let node = home.up().await;
    let first = node.client().with_token(&ann.token).get("/me").await;
    let metrics = String::from_utf8(node.operator_client().get("/metrics").await.bytes).unwrap();

    assert_eq!(first.problem().1, "session_dead", "though photo can take none of the events before it");
    assert_eq!(node.client().with_token(&ben.token).get("/me").await.status, 200, "nobody else's session ended");
    let depth = format!("portico_outbox_depth {}", EVENTS_BEFORE + 1);
    assert!(metrics.lines().any(|line| line == depth), "photo still has to get them: {metrics}");
}

#[tokio::test]
async fn a_node_that_cannot_refuse_what_was_revoked_does_not_serve() {
    let home = Home::new();
    let node = home.up().await;
    let ann = node.register("ann").await;
    node.stop().await;
    change(&home, "user.db", [leave_event(1, "user.updated", &ann.id, 2)]).await;
    change(&home, "session.db", [REFUSE_EPOCHS.to_owned()]).await;

    let mut process = Killed(home.command(&["up"]).spawn().unwrap());
    let ended = eventually("the node's end", || std::future::ready(process.0.try_wait().unwrap())).await;
    let printed = |stream: &mut dyn std::io::Read| std::io::read_to_string(stream).unwrap();
    let stderr = printed(process.0.stderr.as_mut().unwrap());
    let stdout = printed(process.0.stdout.as_mut().unwrap());

    assert_eq!(ended.code(), Some(69), "{stderr}");
    assert!(stderr.contains("session") && stderr.contains("refused"), "it says what and why: {stderr}");
    assert!(!stdout.contains("listening"), "{stdout}");
}

#[tokio::test]
async fn a_changed_password_ends_the_sessions_at_once_even_when_that_cannot_be_written_down() {
    let home = Home::new();
    let node = home.up().await;
    let ann = node.register("ann").await;
    let sign_in = async |password: &str| {
        let credentials = json!({ "email": ann.email, "password": password });
        node.client().post("/auth?transport=bearer").json(&credentials).await
    };
    let other = sign_in(PASSWORD).await.expect(200)["token"].as_str().unwrap().to_owned();
    node.client().with_token(&other).get("/me").await.expect(200);
    change(&home, "session.db", [REFUSE_EPOCHS.to_owned()]).await;

    let body = json!({ "current_password": PASSWORD, "new_password": NEW_PASSWORD });
    let changed = ann.patch("/me/update").json(&body).await;

    assert!(changed.status >= 500, "the new session could not be opened: {}", changed.status);
    assert_eq!(ann.get("/me").await.problem().1, "session_dead");
    assert_eq!(node.client().with_token(&other).get("/me").await.problem().1, "session_dead");
    assert_eq!(sign_in(PASSWORD).await.status, 401);
    change(&home, "session.db", ["DROP TRIGGER refuse_epochs".to_owned()]).await;
    let fresh = sign_in(NEW_PASSWORD).await.expect(200)["token"].as_str().unwrap().to_owned();
    assert_eq!(node.client().with_token(&fresh).get("/me").await.status, 200);
}

#[tokio::test]
async fn a_session_that_was_ended_is_refused_after_a_crash_although_the_event_that_tells_of_it_is_damaged() {
    let home = Home::new();
    let node = home.up().await;
    let ann = node.register("ann").await;
    change(&home, "session.db", [REFUSE_EPOCHS.to_owned()]).await;
    let body = json!({ "current_password": PASSWORD, "new_password": NEW_PASSWORD });
    let changed = ann.patch("/me/update").json(&body).await;
    node.kill();
    let damage = "UPDATE outbox SET event = substr(event, 1, 40) WHERE event LIKE '%user.updated%'";
    change(&home, "user.db", [damage.to_owned()]).await;
    change(&home, "session.db", ["DROP TRIGGER refuse_epochs".to_owned()]).await;

    let node = home.up().await;
    let after = node.client().with_token(&ann.token).get("/me").await;
    node.stop().await;
    let errors = home.run(&["logs", "--level", "error"]).stdout;

    assert!(changed.status >= 500, "{}", changed.status);
    assert_eq!(after.problem().1, "session_dead");
    assert!(errors.contains("its text is damaged"), "{errors}");
}
