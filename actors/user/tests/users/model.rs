//! Any sequence of commands leaves what a model of three sentences says: who has an account, under which password, and
//! how many sessions live.

use std::collections::HashMap;

use portico_kernel::UserId;
use portico_user::*;
use proptest::prelude::*;

use crate::support::*;

const PASSWORDS: [&str; 3] = ["tide pool lantern", "harbour of glass", "seven slow herons"];

#[derive(Debug, Clone, Copy)]
enum Step {
    Register { who: usize, with: usize },
    SignIn { who: usize, with: usize },
    ChangePassword { who: usize, from: usize, to: usize },
    Rename { who: usize },
    Delete { who: usize, with: usize },
}

fn step() -> impl Strategy<Value = Step> {
    let (who, with) = (0..2_usize, 0..3_usize);
    prop_oneof![
        (who.clone(), with.clone()).prop_map(|(who, with)| Step::Register { who, with }),
        (who.clone(), with.clone()).prop_map(|(who, with)| Step::SignIn { who, with }),
        (who.clone(), with.clone(), with.clone()).prop_map(|(who, from, to)| Step::ChangePassword { who, from, to }),
        who.clone().prop_map(|who| Step::Rename { who }),
        (who, with).prop_map(|(who, with)| Step::Delete { who, with }),
    ]
}

struct Modelled {
    id: UserId,
    with: usize,
    version: i64,
    sessions: usize,
}

/// Takes a step in the world and in the model, and answers whether both agree that it succeeds.
async fn agrees(world: &World, model: &mut HashMap<usize, Modelled>, step: Step) -> bool {
    match step {
        Step::Register { who, with } => {
            let command = Register { password: password(PASSWORDS[with]), ..register(&email(who)) };
            match (world.ask(command).await, model.contains_key(&who)) {
                (Ok(signed_in), false) => {
                    model.insert(who, Modelled { id: signed_in.user.id, with, version: 1, sessions: 1 });
                    true
                }
                (Err(Error::EmailTaken), true) => true,
                _ => false,
            }
        }
        Step::SignIn { who, with } => {
            let answer = world.sign_in(&email(who), PASSWORDS[with]).await;
            match (answer, model.get_mut(&who).filter(|user| user.with == with)) {
                (Ok(signed_in), Some(user)) => {
                    user.sessions += 1;
                    signed_in.user.id == user.id && signed_in.user.version == user.version
                }
                (Err(Error::BadCredentials), None) => true,
                _ => false,
            }
        }
        Step::ChangePassword { who, from, to } => {
            let Some(user) = model.get_mut(&who) else { return true };
            let (new_password, current_password) = (Some(password(PASSWORDS[to])), Some(password(PASSWORDS[from])));
            let answer = world.ask(UpdateAccount { new_password, current_password, ..update(user.id) }).await;
            match (answer, user.with == from) {
                (Ok(_), true) => {
                    (user.with, user.version, user.sessions) = (to, user.version + 1, 1);
                    true
                }
                (Err(Error::WrongPassword), false) => true,
                _ => false,
            }
        }
        Step::Rename { who } => {
            let Some(user) = model.get_mut(&who) else { return true };
            user.version += 1;
            let answer = world.ask(UpdateAccount { name: Some(name("Other")), ..update(user.id) }).await;
            answer.is_ok_and(|updated| updated.user.version == user.version)
        }
        Step::Delete { who, with } => {
            let Some(user) = model.get(&who) else { return true };
            let answer = world.ask(DeleteAccount { user: user.id, password: password(PASSWORDS[with]) }).await;
            match (answer, user.with == with) {
                (Ok(()), true) => model.remove(&who).is_some_and(|gone| world.sessions.live(gone.id).is_empty()),
                (Err(Error::WrongPassword), false) => true,
                _ => false,
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_actor_and_the_model_agree(steps in prop::collection::vec(step(), 1..25)) {
        actix::System::new().block_on(async {
            let (world, mut model) = (world(), HashMap::new());

            for step in steps {
                prop_assert!(agrees(&world, &mut model, step).await, "{step:?}");
            }

            prop_assert_eq!(world.store.accounts().len(), model.len());
            for user in model.values() {
                prop_assert_eq!(world.sessions.live(user.id).len(), user.sessions);
                let profile = world.get_user.ask(GetUser { id: user.id }).await.unwrap();
                prop_assert_eq!(profile.version, user.version);
            }
            Ok(())
        })?;
    }
}

fn email(who: usize) -> String {
    format!("user{who}@example.com")
}
