//! Histories that no order explains, and next to each one that an order does explain. A lease is 100 long here.

use super::*;

const NONE: Duration = Duration::ZERO;
const LEASE: Duration = Duration::from_micros(100);

/// What happened, from when to when.
type Event = (u64, u64, Op);

/// A history in which two sessions were opened first.
fn history(events: &[Event]) -> History {
    let mut history = History::default();
    let opened = [(1, 2, one(0, sessions::Op::Open)), (1, 2, one(1, sessions::Op::Open))];
    for (begin, end, what) in opened.iter().chain(events) {
        history.note(Span { begin: *begin, end: *end }, *what);
    }
    history
}

fn is_right(staleness: Duration, events: &[Event]) -> bool {
    history(events).verdict(staleness).is_empty()
}

fn one(session: Number, op: sessions::Op) -> Op {
    Op::One(session, op)
}

fn accepted(session: Number) -> Op {
    one(session, sessions::Op::Accepted)
}

fn refused(session: Number) -> Op {
    one(session, sessions::Op::Refused)
}

fn revoked(session: Number) -> Op {
    one(session, sessions::Op::Revoke)
}

#[test]
fn without_a_cache_a_session_that_is_accepted_after_its_end_is_noticed() {
    let then = |begin| is_right(NONE, &[(10, 20, revoked(0)), (begin, 30, accepted(0))]);

    assert!(!then(21));
    assert!(then(19), "it may have been accepted before the end");
}

#[test]
fn without_a_cache_a_session_that_comes_back_is_noticed() {
    let then = |begin| is_right(NONE, &[(10, 90, revoked(0)), (20, 30, refused(0)), (begin, 50, accepted(0))]);

    assert!(!then(31), "it had been refused already, though its end was not acknowledged yet");
    assert!(then(29));
}

#[test]
fn a_session_that_is_refused_before_its_end_is_noticed() {
    let then = |end| is_right(LEASE, &[(10, end, refused(0)), (20, 30, revoked(0))]);

    assert!(!then(19), "nobody is signed out by a server that is away");
    assert!(then(21));
}

#[test]
fn with_a_cache_a_session_that_is_accepted_a_lease_after_its_end_is_noticed() {
    for end in [revoked(0), one(0, sessions::Op::End), Op::EndOthers { keep: 1 }] {
        let then = |begin| is_right(LEASE, &[(10, 20, end), (begin, 200, accepted(0))]);

        assert!(!then(121), "{end:?}");
        assert!(then(119), "{end:?}");
    }
}

#[test]
fn with_a_cache_only_acceptances_may_be_old() {
    assert!(!is_right(LEASE, &[(10, 20, revoked(0)), (21, 22, revoked(0))]), "it was found twice");
    assert!(!is_right(LEASE, &[(10, 20, one(0, sessions::Op::Missing)), (21, 22, revoked(0))]));
    assert!(is_right(LEASE, &[(10, 20, revoked(0)), (21, 22, one(0, sessions::Op::Missing))]));
    assert!(is_right(LEASE, &[(10, 20, revoked(0)), (30, 31, refused(0)), (32, 33, accepted(0))]), "by another node");
}

#[test]
fn a_session_that_outlives_the_end_of_all_others_is_noticed() {
    let then = |end, begin, opened, last| {
        let ended = (10, end, Op::EndOthers { keep: 1 });
        is_right(NONE, &[ended, (begin, opened, one(2, sessions::Op::Open)), (100, 101, last)])
    };

    assert!(!then(20, 3, 4, accepted(2)));
    assert!(then(20, 3, 4, refused(2)));
    assert!(then(20, 11, 12, accepted(2)) && then(20, 11, 12, refused(2)), "it was opened at the same time");
    assert!(!then(20, 21, 22, refused(2)), "it was opened afterwards");
    assert!(!then(20, 3, 4, refused(1)), "the one that is kept");
}

#[test]
fn an_end_that_nobody_acknowledged_may_come_at_any_time_or_never() {
    let ended = |then: &[Event]| {
        let may_have_ended = (10, Span::NEVER, one(0, sessions::Op::End));
        is_right(NONE, &[&[may_have_ended], then].concat())
    };

    assert!(ended(&[(500, 501, accepted(0))]));
    assert!(ended(&[(500, 501, accepted(0)), (600, 601, refused(0))]));
    assert!(!ended(&[(500, 501, refused(0)), (600, 601, accepted(0))]));
    assert!(!ended(&[(500, 501, refused(1))]), "it was of another session");
}

#[test]
fn how_late_a_session_was_accepted_is_counted_from_its_first_end() {
    let late = |events: &[Event]| history(events).late_acceptances().collect::<Vec<_>>();
    let ended = [(10, 20, revoked(0)), (30, 40, Op::EndOthers { keep: 1 })];

    assert_eq!(late(&[&ended[..], &[(70, 71, accepted(0))]].concat()), [Duration::from_micros(50)]);
    assert!(late(&[&ended[..], &[(70, 71, accepted(1)), (15, 25, accepted(0))]].concat()).is_empty());
}

#[test]
fn an_answer_that_no_history_allows_is_told() {
    let mut history = history(&[]);
    history.surprise("500".to_owned());

    assert_eq!(history.verdict(NONE), ["500"]);
}
