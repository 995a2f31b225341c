//! PostgreSQL keeps the contracts of users and photos: a real server, each test in a schema of its own.

mod commits;
mod faults;
mod lease;
mod migrations;
mod opening;
mod support;

use portico_schema::{photo::Photos, user::Users};

use self::support::{Database, Opened, opened};

async fn users() -> Opened<Users> {
    opened(Database::new(), async |settings| {
        let store = Users::connect(&settings).await.unwrap();
        store.migrate().await.unwrap();
        store
    })
    .await
}

async fn photos() -> Opened<Photos> {
    opened(Database::new(), async |settings| {
        let store = Photos::connect(&settings).await.unwrap();
        store.migrate().await.unwrap();
        store
    })
    .await
}

mod user {
    user_contract!(super::users);
}

mod outbox {
    outbox_contract!(super::users);
}

mod photo {
    photo_contract!(super::photos);
}
