//! What events tell of shared profiles: whoever changed a user may have ended before it could say so itself.

use futures_util::future::{BoxFuture, FutureExt as _};
use portico_kernel::{Ask, AskError, Callee, Deadline, Event};

use super::{Profile, Profiles};
use crate::{ApplyUserEvent, Error, USER_DELETED, USER_UPDATED, UserEventData};

impl Profiles {
    /// Has what nodes share hear of a change by its event, too.
    pub fn told_by_events(&self) -> Ask<ApplyUserEvent> {
        Ask::new(Told(self.clone()))
    }
}

struct Told(Profiles);

impl Callee<ApplyUserEvent> for Told {
    fn call(
        &self,
        ApplyUserEvent(event): ApplyUserEvent,
        _: Deadline,
    ) -> BoxFuture<'static, Result<Result<(), Error>, AskError>> {
        let profiles = self.0.clone();
        async move {
            if let Some(profile) = of(&event) {
                profiles.tell(profile).await;
            }
            Ok(Ok(()))
        }
        .boxed()
    }
}

/// What an event says of a profile. What cannot be read says nothing: it is for those to refuse whom it concerns more.
fn of(event: &Event) -> Option<Profile> {
    let data = || serde_json::from_value::<UserEventData>(event.data.clone()).ok();
    match event.kind.as_str() {
        USER_UPDATED => data().map(|data| Profile::Changed(data.user_id, data.version)),
        USER_DELETED => data().map(|data| Profile::Deleted(data.user_id, data.version)),
        _ => None,
    }
}
