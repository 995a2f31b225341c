//! A profile and a photo summary that views answer on the caller's own thread, each beside a look into a bare cache.

use std::{path::Path, sync::Arc};

use criterion::Criterion;
use moka::sync::Cache;
use portico_kernel::{Ask, Intensity, Pool, Spec, Strategy, Supervisor, SystemClock, UserId};
use portico_photo::{Summaries, Summarize, Summary};
use portico_schema::{photo::Photos, user::Users as Adapter};
use portico_session as session;
use portico_user::{
    Email, GetUser, HashParams, Hasher, Import, Imported, Name, NewAccount, PasswordHash, PasswordPolicy, Ports,
    Profiles, User, Users,
};

use crate::system::{Driver, ENTRIES, nobody};

pub(crate) fn measure(criterion: &mut Criterion) {
    let (driver, directory) = (&Driver::new(), tempfile::tempdir().expect("there is room for a directory"));

    let (get_user, user) = driver.run(profile(&directory.path().join("user.db")));
    let (bare, id) = (Cache::<UserId, Arc<User>>::new(ENTRIES), user.id);
    bare.insert(id, Arc::new(user));
    let mut reads = criterion.benchmark_group("profile read");
    reads.bench_function("bare cache", |bench| {
        bench.iter(|| bare.get(&id).map(|user| User::clone(&user)).expect("it is there"));
    });
    reads.bench_function("view", |bench| {
        bench.to_async(driver).iter(async || get_user.ask(GetUser { id }).await.expect("it is there"));
    });
    reads.finish();

    let (summarize, owner) = driver.run(summary(&directory.path().join("photo.db")));
    let bare = Cache::<UserId, Arc<Summary>>::new(ENTRIES);
    bare.insert(owner, Arc::new(Summary::default()));
    let mut reads = criterion.benchmark_group("photo summary");
    reads.bench_function("bare cache", |bench| {
        bench.iter(|| bare.get(&owner).map(|summary| Summary::clone(&summary)).expect("it is there"));
    });
    reads.bench_function("view", |bench| {
        bench.to_async(driver).iter(async || summarize.ask(Summarize { owner }).await.expect("it is there"));
    });
    reads.finish();
}

/// How users are read, and one who is in the view.
async fn profile(path: &Path) -> (Ask<GetUser>, User) {
    let store = Arc::new(Adapter::open(path).await.expect("the database is new"));
    store.migrate().await.expect("the database is new");
    let (profiles, pool) = (Profiles::new(ENTRIES), Pool::new("hash", 1, 1));
    let params = HashParams { memory_kib: 8, iterations: 1, parallelism: 1 };
    let ports = Ports {
        store,
        create: nobody::<session::Create, _, _>(),
        rotate: nobody::<session::Rotate, _, _>(),
        ensure_revocable: nobody::<session::EnsureRevocable, _, _>(),
        raise_epoch: nobody::<session::RaiseEpoch, _, _>(),
        delete: nobody::<session::Delete, _, _>(),
        hasher: Hasher::new(params, pool).expect("the parameters are allowed"),
        policy: PasswordPolicy::default(),
        profiles: profiles.clone(),
        clock: Arc::new(SystemClock),
    };
    let root = Supervisor::root("bench", Strategy::OneForOne, Intensity::NONE);
    let actor = root.supervise(Spec::new("user").on("user"), move || Users::new(ports.clone()));
    let ann = NewAccount {
        name: Name::parse("Ann").expect("it is a name"),
        email: Email::parse("ann@example.com").expect("it is an address"),
        password: PasswordHash::new("nobody verifies it"),
    };
    let imported = actor.ask().ask(Import { users: vec![ann] }).await.expect("the database takes it");
    let [Imported::Opened(id)] = imported[..] else { panic!("the address is free") };
    let user = actor.ask().ask(GetUser { id }).await.expect("it was imported");
    (Profiles::reader(profiles, actor.ask()), user)
}

/// How summaries are read, and an owner without photos, whose summary is in the view once it was read.
async fn summary(path: &Path) -> (Ask<Summarize>, UserId) {
    let store = Photos::open(path).await.expect("the database is new");
    store.migrate().await.expect("the database is new");
    (Summaries::new(Arc::new(store), ENTRIES).ask(), UserId::new())
}
