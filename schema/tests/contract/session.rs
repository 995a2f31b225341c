//! What every store of sessions promises.

use futures_util::future::join_all;
use portico_kernel::UserId;
use portico_session::{ClientInfo, Inserted, LAST_EPOCH, Session, SessionId, Store, TokenHash};
use time::Duration;

use crate::values::{NOW, session};

/// Has the contract tested over the store that `open` opens.
macro_rules! session_contract {
    ($open:path) => {
        sentences! { session over $open:
            a_session_reads_back_as_it_was_kept
            an_unknown_token_opens_nothing
            a_list_has_the_users_live_sessions_latest_first
            a_list_has_no_more_than_were_asked_for
            a_user_with_too_many_sessions_loses_those_that_were_opened_first
            the_session_that_is_opened_is_never_the_one_that_ends_for_it
            sign_ins_that_race_leave_no_more_than_allowed
            a_use_is_written_down
            a_use_of_a_session_that_is_gone_brings_nothing_back
            a_deletion_ends_one_session
            nobody_ends_anothers_session
            all_others_end_and_one_stays
            a_raised_epoch_ends_what_is_older_and_no_more
            a_session_below_the_least_epoch_is_never_kept
            the_least_epoch_is_never_lowered
            a_deleted_account_has_no_session_under_any_epoch
            a_replacement_stands_when_the_older_have_ended
            a_replacement_below_the_least_epoch_changes_nothing
            a_replacement_below_the_epoch_that_it_comes_with_raises_nothing
            a_sign_in_that_races_a_raised_epoch_does_not_survive_it
            a_purge_leaves_the_least_epochs
            a_check_succeeds_and_can_be_repeated
        }
    };
}

/// Has tested what a store promises besides that forgets no session by itself.
macro_rules! session_purge_contract {
    ($open:path) => {
        sentences! { session over $open:
            a_session_that_ended_is_still_found
            a_purge_deletes_what_ended_at_most_as_many_as_allowed
        }
    };
}

/// More sessions of one user than a test opens.
const MANY: u32 = 100;

/// Keeps a session that nobody has to make room for; false when it was refused.
async fn keep(store: &dyn Store, session: &Session, hash: TokenHash) -> bool {
    store.insert(session, hash, MANY).await.unwrap() == Inserted::Kept { ended: 0 }
}

async fn opened(store: &dyn Store, user: UserId, epoch: i64) -> (Session, TokenHash) {
    let (session, hash) = session(user, epoch);
    assert!(keep(store, &session, hash).await);
    (session, hash)
}

async fn is_kept(store: &dyn Store, hash: TokenHash) -> bool {
    store.find(hash).await.unwrap().is_some()
}

async fn listed(store: &dyn Store, user: UserId) -> Vec<SessionId> {
    store.list(user, NOW, MANY).await.unwrap().into_iter().map(|session| session.id).collect()
}

pub(crate) async fn a_session_reads_back_as_it_was_kept(store: &dyn Store) {
    let (full, full_hash) = opened(store, UserId::new(), 3).await;
    let (mut bare, bare_hash) = session(UserId::new(), 3);
    bare.client = ClientInfo::default();
    keep(store, &bare, bare_hash).await;

    let (found_full, found_bare) = (store.find(full_hash).await.unwrap(), store.find(bare_hash).await.unwrap());

    assert_eq!((found_full, found_bare), (Some(full), Some(bare)));
}

pub(crate) async fn a_session_that_ended_is_still_found(store: &dyn Store) {
    let (mut ended, hash) = session(UserId::new(), 1);
    ended.expires_at = NOW - Duration::DAY;
    keep(store, &ended, hash).await;

    assert_eq!(store.find(hash).await.unwrap(), Some(ended));
}

pub(crate) async fn an_unknown_token_opens_nothing(store: &dyn Store) {
    opened(store, UserId::new(), 1).await;

    assert!(!is_kept(store, TokenHash([0xff; 32])).await);
}

pub(crate) async fn a_list_has_the_users_live_sessions_latest_first(store: &dyn Store) {
    let ann = UserId::new();
    let (mut later, later_hash) = session(ann, 1);
    later.created_at += Duration::SECOND;
    keep(store, &later, later_hash).await;
    let (earlier, _) = opened(store, ann, 1).await;
    let (mut ends_now, ends_now_hash) = session(ann, 1);
    ends_now.expires_at = NOW;
    keep(store, &ends_now, ends_now_hash).await;
    opened(store, UserId::new(), 1).await;

    let list = store.list(ann, NOW, MANY).await.unwrap();

    assert_eq!(list, [later, earlier]);
}

pub(crate) async fn a_list_has_no_more_than_were_asked_for(store: &dyn Store) {
    let ann = UserId::new();
    let mut latest = Vec::new();
    for second in 0..4 {
        let (mut session, hash) = session(ann, 1);
        session.created_at += Duration::seconds(second);
        keep(store, &session, hash).await;
        latest.insert(0, session);
    }

    let list = store.list(ann, NOW, 3).await.unwrap();

    assert_eq!(list, latest[..3]);
}

pub(crate) async fn a_user_with_too_many_sessions_loses_those_that_were_opened_first(store: &dyn Store) {
    let ann = UserId::new();
    let (_, somebody_elses) = opened(store, UserId::new(), 1).await;
    let mut hashes = Vec::new();
    for second in 0..4 {
        let (mut session, hash) = session(ann, 1);
        session.created_at += Duration::seconds(second);
        keep(store, &session, hash).await;
        hashes.push(hash);
    }
    let (mut latest, hash) = session(ann, 1);
    latest.created_at += Duration::MINUTE;

    let inserted = store.insert(&latest, hash, 3).await.unwrap();

    assert_eq!(inserted, Inserted::Kept { ended: 2 });
    hashes.push(hash);
    let mut kept = Vec::new();
    for hash in hashes {
        kept.push(is_kept(store, hash).await);
    }
    assert_eq!(kept, [false, false, true, true, true]);
    assert!(is_kept(store, somebody_elses).await);
}

pub(crate) async fn the_session_that_is_opened_is_never_the_one_that_ends_for_it(store: &dyn Store) {
    let (other, _) = opened(store, UserId::new(), 1).await;
    let (mut early, hash) = session(other.user, 1);
    early.created_at -= Duration::HOUR; // the clock was put back

    let inserted = store.insert(&early, hash, 1).await.unwrap();

    assert_eq!(inserted, Inserted::Kept { ended: 1 });
    assert_eq!(listed(store, other.user).await, [early.id]);
}

pub(crate) async fn sign_ins_that_race_leave_no_more_than_allowed(store: &dyn Store) {
    let ann = UserId::new();
    let sign_ins: Vec<_> = (0..20).map(|_| session(ann, 1)).collect();

    join_all(sign_ins.iter().map(|(session, hash)| async { store.insert(session, *hash, 3).await.unwrap() })).await;

    assert_eq!(listed(store, ann).await.len(), 3);
}

/// `session` after a use, which has it end later.
fn used(session: &Session) -> Session {
    Session { last_seen_at: NOW + Duration::MINUTE, expires_at: NOW + Duration::DAY, ..session.clone() }
}

pub(crate) async fn a_use_is_written_down(store: &dyn Store) {
    let (session, hash) = opened(store, UserId::new(), 1).await;
    let (_, other) = opened(store, session.user, 1).await;
    let used = used(&session);

    store.touch(&used).await.unwrap();

    assert_eq!(store.find(hash).await.unwrap(), Some(used));
    assert_eq!(store.find(other).await.unwrap().unwrap().last_seen_at, NOW);
}

pub(crate) async fn a_use_of_a_session_that_is_gone_brings_nothing_back(store: &dyn Store) {
    let (session, hash) = opened(store, UserId::new(), 1).await;
    store.delete(session.user, session.id).await.unwrap();

    store.touch(&used(&session)).await.unwrap();

    assert!(!is_kept(store, hash).await);
    assert!(listed(store, session.user).await.is_empty());
}

pub(crate) async fn a_deletion_ends_one_session(store: &dyn Store) {
    let (session, hash) = opened(store, UserId::new(), 1).await;
    let (other, _) = opened(store, session.user, 1).await;

    let first = store.delete(session.user, session.id).await.unwrap();
    let second = store.delete(session.user, session.id).await.unwrap();

    assert_eq!((first, second), (true, false));
    assert!(!is_kept(store, hash).await);
    assert_eq!(listed(store, session.user).await, [other.id]);
}

pub(crate) async fn nobody_ends_anothers_session(store: &dyn Store) {
    let (session, hash) = opened(store, UserId::new(), 1).await;

    let deleted = store.delete(UserId::new(), session.id).await.unwrap();

    assert!(!deleted);
    assert!(is_kept(store, hash).await);
}

pub(crate) async fn all_others_end_and_one_stays(store: &dyn Store) {
    let (kept, _) = opened(store, UserId::new(), 1).await;
    let (_, other) = opened(store, kept.user, 1).await;
    let (_, somebody_elses) = opened(store, UserId::new(), 1).await;

    store.delete_others(kept.user, kept.id).await.unwrap();

    assert_eq!(listed(store, kept.user).await, [kept.id]);
    assert!(!is_kept(store, other).await);
    assert!(is_kept(store, somebody_elses).await);
}

pub(crate) async fn a_raised_epoch_ends_what_is_older_and_no_more(store: &dyn Store) {
    let ann = UserId::new();
    let (_, older) = opened(store, ann, 1).await;
    let (same, _) = opened(store, ann, 2).await;
    let (_, somebody_elses) = opened(store, UserId::new(), 1).await;

    let raised = store.raise_epoch(ann, 2, None).await.unwrap();

    assert!(raised);
    assert!(!is_kept(store, older).await);
    assert_eq!(listed(store, ann).await, [same.id]);
    assert!(is_kept(store, somebody_elses).await);
}

pub(crate) async fn a_session_below_the_least_epoch_is_never_kept(store: &dyn Store) {
    let ann = UserId::new();
    store.raise_epoch(ann, 2, None).await.unwrap();
    let ((late, late_hash), (fresh, fresh_hash)) = (session(ann, 1), session(ann, 2));

    let outcomes = (keep(store, &late, late_hash).await, keep(store, &fresh, fresh_hash).await);

    assert_eq!(outcomes, (false, true));
    assert!(!is_kept(store, late_hash).await);
    assert_eq!(listed(store, ann).await, [fresh.id]);
}

pub(crate) async fn the_least_epoch_is_never_lowered(store: &dyn Store) {
    let ann = UserId::new();
    store.raise_epoch(ann, 5, None).await.unwrap();

    store.raise_epoch(ann, 3, None).await.unwrap();

    let (session, hash) = session(ann, 4);
    assert!(!keep(store, &session, hash).await);
}

pub(crate) async fn a_deleted_account_has_no_session_under_any_epoch(store: &dyn Store) {
    let ann = UserId::new();
    let (_, before) = opened(store, ann, 1).await;
    store.raise_epoch(ann, LAST_EPOCH, None).await.unwrap();
    let ((ordinary, ordinary_hash), (last, last_hash)) = (session(ann, 7), session(ann, LAST_EPOCH));

    let outcomes = (
        keep(store, &ordinary, ordinary_hash).await,
        keep(store, &last, last_hash).await,
        store.raise_epoch(ann, LAST_EPOCH, Some((&last, last_hash))).await.unwrap(),
    );

    assert_eq!(outcomes, (false, false, false));
    for hash in [before, ordinary_hash, last_hash] {
        assert!(!is_kept(store, hash).await);
    }
}

pub(crate) async fn a_replacement_stands_when_the_older_have_ended(store: &dyn Store) {
    let ann = UserId::new();
    let (_, older) = opened(store, ann, 1).await;
    let (replacement, hash) = session(ann, 2);

    let raised = store.raise_epoch(ann, 2, Some((&replacement, hash))).await.unwrap();

    assert!(raised);
    assert!(!is_kept(store, older).await);
    assert_eq!(store.find(hash).await.unwrap(), Some(replacement));
}

pub(crate) async fn a_replacement_below_the_least_epoch_changes_nothing(store: &dyn Store) {
    let ann = UserId::new();
    store.raise_epoch(ann, 5, None).await.unwrap();
    let (_, current) = opened(store, ann, 5).await;
    let (replacement, hash) = session(ann, 4);

    let raised = store.raise_epoch(ann, 4, Some((&replacement, hash))).await.unwrap();

    assert!(!raised);
    assert!(is_kept(store, current).await);
    assert!(!is_kept(store, hash).await);
}

pub(crate) async fn a_replacement_below_the_epoch_that_it_comes_with_raises_nothing(store: &dyn Store) {
    let ann = UserId::new();
    let (current, _) = opened(store, ann, 5).await;
    let (replacement, hash) = session(ann, 8);

    let raised = store.raise_epoch(ann, 9, Some((&replacement, hash))).await.unwrap();

    assert!(!raised);
    let (later, _) = opened(store, ann, 5).await; // so the least epoch is not 9
    let mut both = listed(store, ann).await;
    both.sort_unstable();
    assert_eq!(both, [current.id, later.id]);
}

pub(crate) async fn a_sign_in_that_races_a_raised_epoch_does_not_survive_it(store: &dyn Store) {
    let ann = UserId::new();
    let sign_ins: Vec<_> = (0..20).map(|_| session(ann, 1)).collect();
    let (early, late) = sign_ins.split_at(10);

    tokio::join!(
        join_all(early.iter().map(|(session, hash)| async { keep(store, session, *hash).await })),
        async { assert!(store.raise_epoch(ann, 2, None).await.unwrap()) },
        join_all(late.iter().map(|(session, hash)| async { keep(store, session, *hash).await })),
    );

    assert!(listed(store, ann).await.is_empty());
    for (_, hash) in &sign_ins {
        assert!(!is_kept(store, *hash).await);
    }
}

pub(crate) async fn a_purge_deletes_what_ended_at_most_as_many_as_allowed(store: &dyn Store) {
    let (live, live_hash) = opened(store, UserId::new(), 1).await;
    for _ in 0..5 {
        let (mut ended, hash) = session(live.user, 1);
        ended.expires_at = NOW - Duration::SECOND;
        keep(store, &ended, hash).await;
    }

    let purged =
        [store.purge(NOW, 3).await.unwrap(), store.purge(NOW, 3).await.unwrap(), store.purge(NOW, 3).await.unwrap()];

    assert_eq!(purged, [3, 2, 0]);
    assert!(is_kept(store, live_hash).await);
}

pub(crate) async fn a_purge_leaves_the_least_epochs(store: &dyn Store) {
    let ann = UserId::new();
    store.raise_epoch(ann, 2, None).await.unwrap();

    store.purge(NOW + Duration::days(10_000), 100).await.unwrap();

    let (late, hash) = session(ann, 1);
    assert!(!keep(store, &late, hash).await);
}

pub(crate) async fn a_check_succeeds_and_can_be_repeated(store: &dyn Store) {
    for _ in 0..3 {
        store.check().await.unwrap();
    }
}
