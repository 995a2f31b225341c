//! A message that must not be dropped.

use actix::{Context, Handler, Message};

use super::{Error, Victim};

/// Panics when it is dropped before it was handled. Handled, it is counted, and answered by the handler itself.
pub(crate) struct Grenade;

impl Drop for Grenade {
    fn drop(&mut self) {
        panic!("told to panic in a message's drop");
    }
}

impl Message for Grenade {
    type Result = Result<u32, Error>;
}

impl Handler<Grenade> for Victim {
    type Result = Result<u32, Error>;

    fn handle(&mut self, grenade: Grenade, _: &mut Context<Self>) -> Self::Result {
        std::mem::forget(grenade);
        self.begins();
        Ok(self.count)
    }
}
