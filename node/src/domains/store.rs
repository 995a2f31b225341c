//! Opens a domain's rows where its configuration says that they are.

#[cfg(feature = "distributed")]
mod server;

use portico_config::Adapter;
use portico_schema::{photo::Photos, user::Users};

use super::{World, unopened};
use crate::exit::Failure;

/// The accounts of a node that is all by itself, in the data directory.
pub(super) const USERS: &str = "user.db";
/// The photos' rows of such a node.
const PHOTOS: &str = "photo.db";

/// Opens the accounts, with tables of this version.
pub(super) async fn users(world: &World) -> Result<Users, Failure> {
    let config = &world.config.user.store;
    if config.adapter == Adapter::Postgres {
        #[cfg(feature = "distributed")]
        return server::open("user.store", config, Users::connect, Users::migrate).await;
        #[cfg(not(feature = "distributed"))]
        return Err(not_built("user.store"));
    }
    let path = world.data(USERS);
    let store = Users::open(&path).await.map_err(unopened(&path))?;
    store.migrate().await.map_err(unopened(&path))?;
    Ok(store)
}

/// Opens the photos' rows, with tables of this version.
pub(super) async fn photos(world: &World) -> Result<Photos, Failure> {
    let config = &world.config.photo.store;
    if config.adapter == Adapter::Postgres {
        #[cfg(feature = "distributed")]
        return server::open("photo.store", config, Photos::connect, Photos::migrate).await;
        #[cfg(not(feature = "distributed"))]
        return Err(not_built("photo.store"));
    }
    let path = world.data(PHOTOS);
    let store = Photos::open(&path).await.map_err(unopened(&path))?;
    store.migrate().await.map_err(unopened(&path))?;
    Ok(store)
}

#[cfg(not(feature = "distributed"))]
fn not_built(section: &str) -> Failure {
    Failure::config(format!(
        "{section}.adapter: postgres is not in this binary; build it with `--features distributed`, or say sqlite"
    ))
}
