//! What every store of photos' rows promises.

pub(crate) mod copies;
pub(crate) mod owners;
pub(crate) mod uploads;
pub(crate) mod work;

pub(crate) use self::{copies::*, owners::*, uploads::*, work::*};

use portico_photo::{Inserted, Photo, PhotoId, Reserved, Store};
use time::Duration;

use crate::values::NOW;

/// More photos than any of these owners has.
const QUOTA: u32 = 1_000;

/// Has the contract tested over the store that `open` opens.
macro_rules! photo_contract {
    ($open:path) => {
        sentences! { photo over $open:
            a_photo_reads_back_as_it_was_kept
            a_photo_is_its_owners_alone
            a_kept_photo_takes_its_reservation_off_the_list
            an_owner_of_whom_no_event_came_yet_may_upload
            a_photo_without_a_reservation_is_refused
            a_full_owner_can_neither_reserve_nor_keep
            a_refused_upload_leaves_its_key_free
            a_repeated_upload_of_a_full_owner_is_known_by_its_key
            the_quota_holds_for_parallel_uploads
            a_deletion_makes_room_under_the_quota
            a_key_is_remembered_with_its_upload
            a_known_key_keeps_nothing_and_leaves_the_reservation
            owners_do_not_share_keys
            a_key_is_recalled_since_its_time_only
            a_key_is_free_once_its_time_is_over_and_not_before
            a_key_past_its_time_stays_when_the_upload_is_refused
            pages_go_on_where_the_last_one_ended
            a_full_last_page_is_the_last
            a_summary_counts_and_shows_the_latest
            a_summary_of_nobody_is_empty
            a_deleted_photo_is_gone_and_its_content_is_due
            nobody_deletes_anothers_photo

            a_deleted_owners_photos_are_gone_and_their_content_is_due
            a_deleted_owners_keys_are_gone
            a_deleted_owner_can_neither_reserve_nor_keep
            a_deletion_takes_no_other_owners_photos
            a_late_event_does_not_revive_a_deleted_owner
            a_deletion_that_comes_first_is_final
            a_deletion_is_applied_once_however_often_it_comes
            an_event_is_applied_once_whatever_it_says_when_it_comes_again
            an_event_that_was_forgotten_and_comes_again_changes_nothing
            uploads_that_race_a_deletion_leave_nothing_behind

            all_photos_are_told_once_and_in_order
            a_copy_that_ended_leaves_the_photo_as_it_was
            a_photo_that_is_gone_is_not_copied
            a_photo_deleted_during_its_copy_is_due_when_that_has_ended
            an_owner_deleted_during_a_copy_leaves_it_due_at_its_time
            a_copy_that_was_broken_off_takes_no_content_from_a_photo_that_is_there
            a_copy_that_begins_again_has_its_time_anew

            a_reservation_is_due_at_its_time
            what_is_due_comes_oldest_first_and_no_more_than_asked_for
            what_is_done_leaves_the_list
            what_is_put_off_comes_later_and_counts_its_attempts
            what_was_put_off_is_taken_over_by_no_upload
            what_an_upload_took_over_can_no_longer_be_put_off
            a_purge_forgets_keys_and_events_from_before
            a_purge_forgets_however_many_there_are
            a_check_succeeds_and_can_be_repeated
        }
    };
}

/// Reserves, an hour ahead, for a photo that is being uploaded.
async fn reserved(store: &dyn Store, photo: &Photo) -> Reserved {
    store.reserve(photo.owner, photo.id, NOW + Duration::HOUR, QUOTA).await.unwrap()
}

/// Keeps a photo as an upload does.
async fn upload(store: &dyn Store, photo: &Photo) {
    assert_eq!(reserved(store, photo).await, Reserved::Granted);
    assert_eq!(store.insert(photo, None, QUOTA).await.unwrap(), Inserted::Kept);
}

/// The content that is to be deleted by now.
async fn due(store: &dyn Store) -> Vec<PhotoId> {
    let mut due: Vec<_> = store.due(NOW, 1_000).await.unwrap().into_iter().map(|work| work.photo).collect();
    due.sort_unstable();
    due
}
