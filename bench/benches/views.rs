//! What a hot session check and a hot summary cost: answers from the views that the actors publish, on the caller's own
//! thread, against looking the same value up in a bare cache.

use std::sync::Arc;

use moka::sync::Cache;
use portico_bench::compare;
use portico_kernel::{Ask, Clock, Intensity, Spec, Strategy, Supervisor, SystemClock, UserId};
use portico_photo::{Summaries, Summarize, Summary};
use portico_schema::{photo::Photos, session::Sessions as Adapter};
use portico_session::{
    ClientInfo, Create, Lifetimes, Limits, Session, Sessions, Store, Token, TokenHash, Validate, View,
};
use time::Duration;

/// Checks of one round.
const CHECKS: u32 = 50_000;
/// What a view holds at the most.
const ENTRIES: u64 = 1_000;

#[actix_rt::main]
async fn main() {
    let directory = tempfile::tempdir().expect("there is room for a directory");
    let (validate, session, token) = sessions(&directory.path().join("session.db")).await;
    let bare = Cache::<TokenHash, Arc<Session>>::new(ENTRIES);
    bare.insert(token.hash(), Arc::new(session));
    let hash_and_look_up = async || {
        for _ in 0..CHECKS {
            assert!(bare.get(&token.hash()).map(|session| Session::clone(&session)).is_some());
        }
    };
    let check = async || {
        for _ in 0..CHECKS {
            assert!(validate.ask(Validate { token: token.clone() }).await.is_ok());
        }
    };
    let checks = compare(hash_and_look_up, check).await;

    let (summarize, owner) = summaries(&directory.path().join("photo.db")).await;
    let bare = Cache::<UserId, Arc<Summary>>::new(ENTRIES);
    bare.insert(owner, Arc::new(Summary::default()));
    let look_up = async || {
        for _ in 0..CHECKS {
            assert!(bare.get(&owner).map(|summary| Summary::clone(&summary)).is_some());
        }
    };
    let read = async || {
        for _ in 0..CHECKS {
            assert!(summarize.ask(Summarize { owner }).await.is_ok());
        }
    };
    let reads = compare(look_up, read).await;

    println!("an answer from a view, against a look into a bare cache:");
    println!("{}", checks.describe("session check", CHECKS));
    println!("{}", reads.describe("photo summary", CHECKS));
}

/// A session that is in the view, how it is checked, and what opens it.
async fn sessions(path: &std::path::Path) -> (Ask<Validate>, Session, Token) {
    let store = Arc::new(Adapter::open(path).await.expect("the database is new"));
    store.migrate().await.expect("the database is new");
    let lifetimes = Lifetimes { idle: Duration::DAY, absolute: Duration::WEEK };
    let (limits, view) = (Limits { lifetimes, per_user_max: 10 }, View::new(ENTRIES));
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let root = Supervisor::root("bench", Strategy::OneForOne, Intensity::NONE);
    let actor = root.supervise(Spec::new("session").on("session"), {
        let (clock, view) = (Arc::clone(&clock), view.clone());
        move || Sessions::new(Arc::clone(&store) as Arc<dyn Store>, Arc::clone(&clock), limits, view.clone())
    });
    let create = Create { user: UserId::new(), epoch: 0, client: ClientInfo::default() };
    let opened = actor.ask().ask(create).await.expect("the user is new");
    (View::validator(view, clock, actor.ask()), opened.session, opened.token)
}

/// How the summary of an owner without photos is read, which is in the view once it was read.
async fn summaries(path: &std::path::Path) -> (Ask<Summarize>, UserId) {
    let store = Photos::open(path).await.expect("the database is new");
    store.migrate().await.expect("the database is new");
    (Summaries::new(Arc::new(store), ENTRIES).ask(), UserId::new())
}
