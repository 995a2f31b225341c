//! A session check that the view answers on the caller's own thread, beside a look into a bare cache; and the hash of a
//! token, which both begin with.

use std::{hint::black_box, path::Path, sync::Arc};

use criterion::Criterion;
use moka::sync::Cache;
use portico_kernel::{Ask, Clock, Intensity, Spec, Strategy, Supervisor, SystemClock, UserId};
use portico_schema::session::Sessions as Adapter;
use portico_session::{ClientInfo, Create, Lifetimes, Limits, Live, Sessions, Store, Token, TokenHash, Validate, View};
use time::Duration;

use crate::system::{Driver, ENTRIES};

pub(crate) fn measure(criterion: &mut Criterion) {
    let (driver, directory) = (&Driver::new(), tempfile::tempdir().expect("there is room for a directory"));
    let (validate, session, token) = driver.run(session(&directory.path().join("session.db")));
    let bare = Cache::<TokenHash, Live>::new(ENTRIES);
    bare.insert(token.hash(), session);

    criterion.bench_function("token hash", |bench| bench.iter(|| black_box(&token).hash()));
    let mut checks = criterion.benchmark_group("session check");
    checks.bench_function("bare cache", |bench| {
        bench.iter(|| bare.get(&black_box(&token).hash()).expect("it is there"));
    });
    checks.bench_function("view", |bench| {
        let check = async || validate.ask(Validate { token: token.clone() }).await.expect("it lives");
        bench.to_async(driver).iter(check);
    });
    checks.finish();
}

/// How sessions are checked, one that is in the view, and what opens it.
async fn session(path: &Path) -> (Ask<Validate>, Live, Token) {
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
    (View::validator(view, clock, actor.ask()), Live::from(&opened.session), opened.token)
}
