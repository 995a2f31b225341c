//! One history: accounts to begin with, clients that all work at once, and a look at what they left.

use std::sync::Arc;

use tokio::{sync::Barrier, task::JoinSet};

use super::{
    caller::Caller,
    steps::Step,
    world::{World, pick},
};

/// How many accounts there are before the clients begin.
const ACCOUNTS: usize = 2;

/// Lives through a history; answers what of it cannot be explained, and how many accounts it left.
pub(super) async fn live(caller: Caller, plan: &[Vec<Step>]) -> (Vec<String>, u64) {
    for email in 0..ACCOUNTS {
        caller.register(email, false).await;
        let credentials = caller.world.lock().credentials.last().copied();
        if let Some((email, password)) = credentials {
            caller.sign_in(email, password).await;
        }
    }
    let (barrier, mut clients) = (Arc::new(Barrier::new(plan.len())), JoinSet::new());
    for steps in plan.iter().cloned() {
        let (caller, barrier) = (caller.clone(), Arc::clone(&barrier));
        clients.spawn(async move {
            barrier.wait().await;
            for step in steps {
                caller.take(step).await;
            }
        });
    }
    clients.join_all().await;
    let left = caller.look().await;
    let Caller { world, .. } = caller;
    let ledger = Arc::into_inner(world).map(World::into_ledger).expect("all clients have ended");
    (ledger.verdict(), left)
}

impl Caller {
    /// Takes a step, if anything is known that it can be taken with.
    async fn take(&self, step: Step) -> Option<()> {
        let session = |by| pick(&self.world.lock().sessions, by);
        let photo = |by| pick(&self.world.lock().photos, by);
        match step {
            Step::Register { email, with_key } => self.register(email, with_key).await,
            Step::SignIn { credentials } => {
                let (email, password) = pick(&self.world.lock().credentials, credentials)?;
                self.sign_in(email, password).await;
            }
            Step::Logout { by } => self.log_out(&session(by)?).await,
            Step::Revoke { by, session: other } => self.revoke(&session(by)?, &session(other)?).await,
            Step::RevokeOthers { by } => self.revoke_others(&session(by)?).await,
            Step::Verify { session: by } => self.verify(&session(by)?).await,
            Step::Rename { by } => self.rename(&session(by)?).await,
            Step::ReadMe { by } => self.read_me(&session(by)?).await,
            Step::ReadProfile { user } => {
                let user = pick(&(0..self.world.lock().users.len()).collect::<Vec<_>>(), user)?;
                self.read_profile(user).await;
            }
            Step::ChangePassword { by } => self.change_password(&session(by)?).await,
            Step::ChangeEmail { by, email } => self.change_email(&session(by)?, email).await,
            Step::Delete { by } => self.delete_account(&session(by)?).await,
            Step::Upload { by, key } => self.upload(&session(by)?, key).await,
            Step::DeletePhoto { by, photo: id } => self.delete_photo(&session(by)?, &photo(id)?).await,
            Step::GetPhoto { by, photo: id } => self.get_photo(&session(by)?, &photo(id)?).await,
            Step::ListPhotos { by } => self.list_photos(&session(by)?).await,
        }
        Some(())
    }

    /// Looks at everything once nobody changes it any more; answers how many accounts there are.
    async fn look(&self) -> u64 {
        let (sessions, credentials, users) = {
            let shared = self.world.lock();
            (shared.sessions.clone(), shared.credentials.clone(), shared.users.len())
        };
        for session in &sessions {
            self.verify(session).await;
            self.list_photos(session).await;
        }
        for (email, password) in credentials {
            self.sign_in(email, password).await;
        }
        let mut left = 0;
        for user in 0..users {
            left += u64::from(self.read_profile(user).await);
        }
        left
    }
}
