//! Histories that no order explains, one for each promise; and next to each a history that one does explain.

use super::*;

fn span(begin: u64, end: u64) -> Span {
    Span { begin, end }
}

fn is_explained_with(write: impl FnOnce(&mut Ledger)) -> bool {
    let mut ledger = Ledger::default();
    write(&mut ledger);
    ledger.verdict().is_empty()
}

#[test]
fn an_address_that_two_accounts_have_is_noticed() {
    let registered = |second: Span| {
        is_explained_with(|ledger| {
            let register = |user| accounts::Op::Register { user, email: 0, password: user, key: None };
            ledger.account(span(1, 4), register(1));
            ledger.account(second, register(2));
            ledger.account(span(5, 6), accounts::Op::Delete { user: 1, password: 1 });
        })
    };

    assert!(!registered(span(2, 3)));
    assert!(registered(span(2, 7)), "it may have come after the deletion");
}

#[test]
fn a_name_that_goes_back_is_noticed() {
    let read = |at: Span| {
        is_explained_with(|ledger| {
            ledger.name(1, span(1, 2), names::Op::Create(1));
            ledger.name(1, span(3, 6), names::Op::Change(2));
            ledger.name(1, span(4, 5), names::Op::Read(2));
            ledger.name(1, at, names::Op::Read(1));
        })
    };

    assert!(!read(span(7, 8)), "after the change was acknowledged");
    assert!(!read(span(6, 8)), "after somebody else read the new one");
    assert!(read(span(3, 8)), "while it was being changed");
}

#[test]
fn a_session_that_is_accepted_after_its_end_is_noticed() {
    let used = |cause: Cause, opened: Span, used: Span| {
        is_explained_with(|ledger| {
            ledger.open(1, 9, 5, opened);
            ledger.sweep(Sweep { user: 9, span: span(10, 20), cause, kept: None });
            ledger.session(1, used, sessions::Op::Accepted);
        })
    };

    for cause in [Cause::Others, Cause::Email, Cause::Password(4), Cause::Password(5), Cause::Deletion] {
        assert!(!used(cause, span(1, 2), span(21, 22)), "{cause:?}");
        assert!(used(cause, span(1, 2), span(19, 22)), "{cause:?}");
        assert!(used(cause, span(21, 22), span(23, 24)), "{cause:?} was before it");
    }
    assert!(!used(Cause::Password(5), span(11, 12), span(21, 22)), "under the old password it ends, whenever it began");
    assert!(!used(Cause::Deletion, span(11, 22), span(23, 24)), "nobody signs in to a deleted account");
    assert!(used(Cause::Others, span(11, 12), span(21, 22)), "it may have been opened after the others were ended");
}

#[test]
fn a_session_that_two_revocations_found_is_noticed() {
    let revoked = |second: sessions::Op| {
        is_explained_with(|ledger| {
            ledger.open(1, 9, 5, span(1, 2));
            ledger.session(1, span(3, 6), sessions::Op::Revoke);
            ledger.session(1, span(4, 5), second);
        })
    };

    assert!(!revoked(sessions::Op::Revoke));
    assert!(revoked(sessions::Op::Missing));
}

#[test]
fn photos_beyond_the_quota_lost_ones_and_old_counts_are_noticed() {
    let then = |last: photos::Op| {
        is_explained_with(|ledger| {
            for photo in 0..photos::QUOTA {
                let at = 10 * photo as u64;
                ledger.photo(1, span(at + 1, at + 2), photos::Op::Upload { photo, key: Some(photo) });
            }
            ledger.photo(1, span(100, 101), last);
        })
    };
    let (full, beyond) = (photos::QUOTA, photos::QUOTA + 1);

    assert!(!then(photos::Op::Upload { photo: beyond, key: None }), "beyond the quota");
    assert!(!then(photos::Op::Upload { photo: beyond, key: Some(0) }), "twice under one key");
    assert!(!then(photos::Op::Missing { photo: 0 }), "lost");
    assert!(!then(photos::Op::List { photos: [0].into() }), "lost from the list");
    assert!(!then(photos::Op::Count { count: full - 1 }), "an old count");
    assert!(then(photos::Op::Upload { photo: 0, key: Some(0) }));
    assert!(then(photos::Op::QuotaReached { key: None }));
    assert!(then(photos::Op::Count { count: full }));
}

#[test]
fn a_repeat_is_answered_like_the_first_or_not_at_all() {
    let repeated = |op: accounts::Op| {
        is_explained_with(|ledger| {
            ledger.account(span(1, 2), accounts::Op::Register { user: 1, email: 0, password: 3, key: Some(0) });
            ledger.account(span(3, 4), op);
        })
    };

    assert!(!repeated(accounts::Op::Register { user: 2, email: 1, password: 3, key: Some(0) }), "a second account");
    assert!(!repeated(accounts::Op::Taken { email: 0, key: Some(0) }), "a conflict with itself");
    assert!(!repeated(accounts::Op::NotRepeated { key: 0, password: 3 }), "under the right password");
    assert!(repeated(accounts::Op::Register { user: 1, email: 0, password: 3, key: Some(0) }));
    assert!(repeated(accounts::Op::NotRepeated { key: 0, password: 4 }));
}
