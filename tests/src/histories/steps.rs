//! What clients try, chosen by a seed. Whom a step meets is decided when it is made, among what is known by then.

use proptest::{collection::vec, prelude::*, strategy::Union};

/// How many clients there are at the most; two at the least, or nothing would race.
const CLIENTS_MAX: usize = 6;
/// How many steps a client makes at the most.
const STEPS_MAX: usize = 12;
/// How many addresses there are: few, so that accounts meet.
pub(super) const EMAILS: usize = 3;
/// How many idempotency keys there are.
pub(super) const KEYS: usize = 2;

/// Chooses among what is known, the latest first.
pub(super) type Pick = u8;

/// One request.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    Register { email: usize, with_key: bool },
    SignIn { credentials: Pick },
    Logout { by: Pick },
    Revoke { by: Pick, session: Pick },
    RevokeOthers { by: Pick },
    Verify { session: Pick },
    Rename { by: Pick },
    ReadMe { by: Pick },
    ReadProfile { user: Pick },
    ChangePassword { by: Pick },
    ChangeEmail { by: Pick, email: usize },
    Delete { by: Pick },
    Upload { by: Pick, key: Option<usize> },
    DeletePhoto { by: Pick, photo: Pick },
    GetPhoto { by: Pick, photo: Pick },
    ListPhotos { by: Pick },
}

/// The steps of each client.
pub(super) fn plans() -> impl Strategy<Value = Vec<Vec<Step>>> {
    vec(vec(step(), 1..=STEPS_MAX), 2..=CLIENTS_MAX)
}

fn step() -> impl Strategy<Value = Step> {
    let by = || any::<Pick>();
    let both = || any::<(Pick, Pick)>();
    let weighted: Vec<(u32, BoxedStrategy<Step>)> = vec![
        (3, (0..EMAILS, any::<bool>()).prop_map(|(email, with_key)| Step::Register { email, with_key }).boxed()),
        (4, by().prop_map(|credentials| Step::SignIn { credentials }).boxed()),
        (1, by().prop_map(|by| Step::Logout { by }).boxed()),
        (2, both().prop_map(|(by, session)| Step::Revoke { by, session }).boxed()),
        (1, by().prop_map(|by| Step::RevokeOthers { by }).boxed()),
        (3, by().prop_map(|session| Step::Verify { session }).boxed()),
        (3, by().prop_map(|by| Step::Rename { by }).boxed()),
        (4, by().prop_map(|by| Step::ReadMe { by }).boxed()),
        (4, by().prop_map(|user| Step::ReadProfile { user }).boxed()),
        (2, by().prop_map(|by| Step::ChangePassword { by }).boxed()),
        (2, (by(), 0..EMAILS).prop_map(|(by, email)| Step::ChangeEmail { by, email }).boxed()),
        (1, by().prop_map(|by| Step::Delete { by }).boxed()),
        (6, (by(), proptest::option::of(0..KEYS)).prop_map(|(by, key)| Step::Upload { by, key }).boxed()),
        (3, both().prop_map(|(by, photo)| Step::DeletePhoto { by, photo }).boxed()),
        (2, both().prop_map(|(by, photo)| Step::GetPhoto { by, photo }).boxed()),
        (3, by().prop_map(|by| Step::ListPhotos { by }).boxed()),
    ];
    Union::new_weighted(weighted)
}
