//! A crowd of users with their photos, laid straight into the databases that a node has made.
//!
//! Who they are follows from their number alone, here and in SQL, so that any of them can be asked for without a list.

use std::path::Path;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sea_orm::{ConnectOptions, ConnectionTrait as _, Database, DbErr};
use uuid::Uuid;

use crate::run::{Failure, Run};

/// Users of one group; the first of them has [`MANY_PHOTOS`].
pub(super) const USERS: u64 = 100;
/// Photos of one group.
pub(super) const PHOTOS: u64 = MANY_PHOTOS + (USERS - 1) * FEW_PHOTOS;
/// Photos of the first of a group.
pub(super) const MANY_PHOTOS: u64 = 203;
/// Photos of each of the others.
pub(super) const FEW_PHOTOS: u64 = 3;

/// Rows of one transaction.
const ROWS: u64 = 250_000;
/// When the first of them came, in milliseconds since 1970: 2025-01-01. The others follow, a millisecond each.
const BEGAN_MS: u64 = 1_735_689_600_000;
/// Knuth's multiplicative hash, 2^32 by the golden ratio.
const SCATTER: u64 = 2_654_435_761;
/// How many values the last six bytes of an id have.
const TAILS: u64 = 1 << 48;

/// The id of a user.
pub(super) fn user(number: u64) -> Uuid {
    id(number)
}

/// The cursor that leads on after a photo, as the gateway writes it: base64url of the id.
pub(super) fn cursor(photo: u64) -> String {
    URL_SAFE_NO_PAD.encode(id(photo))
}

/// Whose photo it is.
pub(super) const fn owner(photo: u64) -> u64 {
    let (group, place) = (photo / PHOTOS, photo % PHOTOS);
    let within = if place < MANY_PHOTOS { 0 } else { 1 + (place - MANY_PHOTOS) / FEW_PHOTOS };
    group * USERS + within
}

/// A number that has little to do with `number`, always the same (the finaliser of `MurmurHash3`).
pub(super) const fn scatter(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 33)).wrapping_mul(0xFF51_AFD7_ED55_8CCD);
    mixed = (mixed ^ (mixed >> 33)).wrapping_mul(0xC4CE_B9FE_1A85_EC53);
    mixed ^ (mixed >> 33)
}

/// UUID v7: the moment, and what looks random.
fn id(number: u64) -> Uuid {
    let (time, tail) = (BEGAN_MS + number, number * SCATTER % TAILS);
    Uuid::from_u128(u128::from(time) << 80 | 0x7000_8000 << 48 | u128::from(tail))
}

/// The moment of what has the number `i`, in nanoseconds, which follow from the same milliseconds.
const MOMENT_SQL: &str = "(1735689600000 + i) * 1000000";

/// The same in SQL: the id, as 16 bytes, of what has the number `expression`.
fn id_sql(expression: &str) -> String {
    format!(
        "unhex(printf('%012x', {BEGAN_MS} + {expression}) || '70008000' \
         || printf('%012x', ({expression}) * {SCATTER} % {TAILS}))"
    )
}

/// Adds `users` users and their photos to the databases in `data`, which no node may have open.
///
/// # Errors
/// The databases cannot be written.
pub(super) fn fill(run: &Run, data: &Path, users: u64) -> Result<(), Failure> {
    let (accounts, photos) = (data.join("user.db"), data.join("photo.db"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let filling = async {
        insert(run, &accounts, "users", users, &users_sql()).await?;
        insert(run, &photos, "owners", users, &owners_sql()).await?;
        insert(run, &photos, "photos", users / USERS * PHOTOS, &photos_sql()).await
    };
    runtime.block_on(filling).map_err(Failure::said)
}

/// Inserts what `insert` selects of the numbers `n.i` from 0 to `rows`.
async fn insert(run: &Run, path: &Path, table: &str, rows: u64, insert: &str) -> Result<(), DbErr> {
    let mut options = ConnectOptions::new(format!("sqlite://{}", path.display()));
    options.max_connections(1).sqlx_logging(false);
    let database = Database::connect(options).await?;
    // Nobody's data are at stake while it is filled; the node sets its own journal again. The log is emptied first.
    let fast = "PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -65536";
    database.execute_unprepared(fast).await?;
    for from in (0..rows).step_by(usize::try_from(ROWS).unwrap_or(usize::MAX)) {
        let to = rows.min(from + ROWS);
        let numbers = format!(
            "WITH RECURSIVE n (i) AS (SELECT {from} UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {to}) {insert}"
        );
        database.execute_unprepared(&numbers).await?;
        if rows > ROWS {
            run.progress(format!("{to} of {rows} {table}"));
        }
    }
    database.close().await
}

fn users_sql() -> String {
    let (id, hash) = (id_sql("i"), format!("$argon2id$v=19$m=19456,t=2,p=1${}${}", "s".repeat(22), "h".repeat(43)));
    format!(
        "INSERT INTO users (id, name, email, email_key, password, epoch, version, created_at, updated_at) \
         SELECT {id}, 'User ' || i, 'user' || i || '@crowd.example.com', 'user' || i || '@crowd.example.com', '{hash}', \
         1, 1, {MOMENT_SQL}, {MOMENT_SQL} FROM n"
    )
}

fn owners_sql() -> String {
    let id = id_sql("i");
    format!(
        "INSERT INTO owners (id, version, deleted, photo_count) \
         SELECT {id}, 1, 0, CASE WHEN i % {USERS} = 0 THEN {MANY_PHOTOS} ELSE {FEW_PHOTOS} END FROM n"
    )
}

fn photos_sql() -> String {
    let place = format!("(i % {PHOTOS})");
    let within =
        format!("CASE WHEN {place} < {MANY_PHOTOS} THEN 0 ELSE 1 + ({place} - {MANY_PHOTOS}) / {FEW_PHOTOS} END");
    let (owner, id) = (id_sql(&format!("(i / {PHOTOS} * {USERS} + {within})")), id_sql("i"));
    format!(
        "INSERT INTO photos (owner_id, id, content_type, sha256, thumb_type, thumb_sha256, size_bytes, width, height, \
         thumb_size_bytes, created_at) SELECT {owner}, {id}, 'image/jpeg', randomblob(32), 'image/jpeg', randomblob(32), \
         2000000, 3264, 2448, 16000, {MOMENT_SQL} FROM n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_photo_is_one_of_its_owners() {
        let mut counts = std::collections::BTreeMap::<u64, u64>::new();

        (0..2 * PHOTOS).for_each(|photo| *counts.entry(owner(photo)).or_default() += 1);

        assert_eq!(counts.len() as u64, 2 * USERS);
        assert!(counts.iter().all(|(user, count)| *count == if user % USERS == 0 { MANY_PHOTOS } else { FEW_PHOTOS }));
    }
}
