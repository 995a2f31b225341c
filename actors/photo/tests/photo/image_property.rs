//! Damaged pictures: whatever the bytes, processing neither panics nor lets metadata through.

use std::io::Cursor;

use portico_photo::{
    Error, Limits,
    image::{Header, Processed, process},
};
use proptest::prelude::*;

use crate::pictures::{self, CANARY, holds};

const LIMITS: Limits = Limits { upload_max_bytes: 10 << 20, pixels_max: 10_000, photos_per_user_max: 1000 };

fn processed(picture: &[u8]) -> Result<Processed, Error> {
    process(picture, &Header::read(&mut Cursor::new(picture), &LIMITS)?, &LIMITS)
}

fn picture() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(pictures::jpeg_with_metadata(20, 12, 1)),
        Just(pictures::jpeg_with_metadata(20, 12, 8)),
        Just(pictures::jpeg_with_restarts(2)),
        Just(pictures::png_with_metadata(12, 9)),
        Just(pictures::apng_with_metadata(8, 8, 3)),
        Just(pictures::gif_with_metadata(12, 9, 3)),
        Just(pictures::webp_with_metadata(12, 9)),
        Just(pictures::animated_webp_with_metadata(8, 8, 3)),
        Just(pictures::lossy_webp()),
        Just(include_bytes!("data/palette.webp").to_vec()),
    ]
}

/// Makes the checksums of a PNG's chunks right again, so that damage reaches what is behind them.
fn with_checksums(png: &[u8]) -> Vec<u8> {
    let (signature, mut rest) = png.split_at(8.min(png.len()));
    let mut mended = signature.to_vec();
    while let Some((head, _)) = rest.split_first_chunk::<8>() {
        let length = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let Some(body) = rest.get(8..).and_then(|rest| rest.get(..length)) else { break };
        mended.extend(pictures::png_chunk([head[4], head[5], head[6], head[7]], body));
        rest = rest.get(12 + length..).unwrap_or_default();
    }
    mended.extend(rest);
    mended
}

/// A few bytes overwritten anywhere, most often near the beginning, where the structure is.
fn damage() -> impl Strategy<Value = Vec<(prop::sample::Index, u8)>> {
    prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_damaged_picture_is_refused_or_kept_without_its_metadata(
        mut picture in picture(),
        damage in damage(),
        cut in prop::option::weighted(0.2, any::<prop::sample::Index>()),
        mended in any::<bool>(),
    ) {
        for (at, byte) in damage {
            let at = at.index(picture.len());
            picture[at] = byte;
        }
        if let Some(cut) = cut {
            picture.truncate(cut.index(picture.len()));
        }
        if mended && picture.starts_with(b"\x89PNG") {
            picture = with_checksums(&picture);
        }

        let outcome = processed(&picture);

        match outcome {
            Ok(kept) => {
                prop_assert!(!holds(&kept.original, CANARY) && !holds(&kept.thumb, CANARY));
                prop_assert!(processed(&kept.original).is_ok(), "what is kept is acceptable itself");
            }
            Err(error) => prop_assert!(
                matches!(error, Error::BadImage | Error::UnsupportedType | Error::TooManyPixels { .. }),
                "{error:?}"
            ),
        }
    }

    #[test]
    fn a_gif_shows_the_same_frames_after_as_before(
        side in 1_u16..90,
        frames in prop::collection::vec((any::<u64>(), 1_u8..=255), 1..4),
    ) {
        let upload = pictures::noisy_gif(side, &frames);

        let kept = processed(&upload).unwrap();

        prop_assert_eq!(pictures::gif_frames(&kept.original), pictures::gif_frames(&upload));
    }

    #[test]
    fn noise_behind_a_signature_is_refused(
        signature in prop::sample::select(vec![&b"\xFF\xD8\xFF"[..], b"\x89PNG\r\n\x1A\n", b"GIF89a", b"RIFF\xFF\0\0\0WEBPVP8L"]),
        noise in prop::collection::vec(any::<u8>(), 0..400),
    ) {
        let refused = processed(&[signature, &noise].concat());

        prop_assert!(refused.is_err());
    }
}
