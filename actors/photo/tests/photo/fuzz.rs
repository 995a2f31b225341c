//! Any bytes as a picture. `./just fuzz` searches on from the corpus.

use std::io::Cursor;

use portico_photo::{
    Error, Limits,
    image::{Header, process},
};

const LIMITS: Limits = Limits { upload_max_bytes: 10 << 20, pixels_max: 10_000, photos_per_user_max: 1000 };

#[test]
fn a_picture_is_refused_or_acceptable_as_it_is_kept() {
    bolero::check!().with_max_len(4096).for_each(|bytes: &[u8]| {
        let Ok(header) = Header::read(&mut Cursor::new(bytes), &LIMITS) else { return };
        let kept = match process(bytes, &header, &LIMITS) {
            Ok(kept) => kept,
            Err(Error::BadImage | Error::UnsupportedType | Error::TooManyPixels { .. }) => return,
            Err(error) => panic!("{error:?}"),
        };

        let header = Header::read(&mut Cursor::new(&kept.original), &LIMITS).expect("what is kept has a header");
        process(&kept.original, &header, &LIMITS).expect("what is kept is a picture");
    });
}
