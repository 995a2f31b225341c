//! How a time is stored: as nanoseconds since 1970, so that it reads back exactly as it was written, sorts as it passes
//! and means the same in every database (PostgreSQL's own type would round it to microseconds).

use time::OffsetDateTime;

/// The column's value for `moment`. Past the year 2262 it saturates, which is as good as never.
pub(crate) fn to_nanos(moment: OffsetDateTime) -> i64 {
    let nanos = moment.unix_timestamp_nanos();
    i64::try_from(nanos).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX })
}

/// The moment, in UTC, that a column's value stands for.
pub(crate) fn from_nanos(nanos: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp_nanos(nanos.into()).expect("64 bits of nanoseconds end within year 2262")
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn a_moment_reads_back_to_the_nanosecond() {
        let moment = datetime!(2026-02-28 23:59:59.123_456_789 UTC);

        assert_eq!(from_nanos(to_nanos(moment)), moment);
    }

    #[test]
    fn a_moment_beyond_the_range_stays_beyond_every_other() {
        let never = datetime!(9999-12-31 00:00 UTC);

        assert!(to_nanos(never) > to_nanos(datetime!(2262-01-01 00:00 UTC)));
        assert!(from_nanos(to_nanos(never)).year() == 2262);
    }
}
