//! Shrinks a picture while its rows are read, so that it is never held: boxes of pixels become their means (what libvips
//! calls a block shrink), and the resizer makes the rendition of these.
//!
//! Invariant: each side is three to six times the rendition's then, whatever it was, or as it was where it was less: enough
//! for a filter that looks at three pixels of the rendition to either side. Colours count as much as they are opaque.

use super::rendition;
use crate::Error;

/// How many pixels the resizer gets for one of the rendition's, across and down, at the least.
const LEFT: u32 = 3;

/// How many pixels, across and down, one of a shrunk picture stands for. Its last ones may stand for fewer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Boxes {
    across: u32,
    down: u32,
}

impl Boxes {
    /// A picture that is not shrunk.
    pub(super) const PIXELS: Self = Self { across: 1, down: 1 };

    /// What a picture of a size is shrunk by: 85 by 170 at the most, since the shorter side of a rendition is rounded down.
    pub(super) fn of((width, height): (u32, u32)) -> Self {
        let (small_width, small_height) = rendition::fit(width, height);
        let side = |pixels: u32, small: u32| (pixels / (LEFT * small)).max(1);
        Self { across: side(width, small_width), down: side(height, small_height) }
    }

    /// How many of them a picture of a size has, across and down.
    pub(super) const fn count(self, (width, height): (u32, u32)) -> (u32, u32) {
        (width.div_ceil(self.across), height.div_ceil(self.down))
    }

    /// The sides of a picture, in boxes: where the last ones are not full, less than their count.
    pub(super) fn extent(self, (width, height): (u32, u32)) -> (f64, f64) {
        (f64::from(width) / f64::from(self.across), f64::from(height) / f64::from(self.down))
    }
}

/// Shrinks a picture of pixels of so many parts, the last of which is alpha if their number is even. Its rows are read one
/// after the other.
///
/// # Errors
/// What reading a row fails with.
pub(super) fn shrink<const PARTS: usize>(
    size: (u32, u32),
    boxes: Boxes,
    mut read: impl FnMut(&mut [u8]) -> Result<(), Error>,
) -> Result<Vec<u8>, Error> {
    let count = boxes.count(size);
    let mut shrunk = vec![0; count.0 as usize * count.1 as usize * PARTS];
    if boxes == Boxes::PIXELS {
        shrunk.chunks_exact_mut(size.0 as usize * PARTS).try_for_each(read)?;
        return Ok(shrunk);
    }
    let mut row = vec![0; size.0 as usize * PARTS];
    let mut columns = vec![[0; PARTS]; size.0 as usize];
    let mut unread = size.1;
    for means in shrunk.chunks_exact_mut(count.0 as usize * PARTS) {
        let rows = unread.min(boxes.down);
        unread -= rows;
        columns.fill([0; PARTS]);
        for _ in 0..rows {
            read(&mut row)?;
            add(&row, &mut columns);
        }
        for (mean, columns) in means.as_chunks_mut().0.iter_mut().zip(columns.chunks(boxes.across as usize)) {
            *mean = mean_of(columns, rows);
        }
    }
    Ok(shrunk)
}

const fn has_alpha(parts: usize) -> bool {
    parts.is_multiple_of(2)
}

/// Adds a row to the sums of its columns: of alpha, and of colours times alpha.
fn add<const PARTS: usize>(row: &[u8], columns: &mut [[u32; PARTS]]) {
    for (sums, pixel) in columns.iter_mut().zip(row.as_chunks::<PARTS>().0) {
        let mut parts = pixel.map(u32::from);
        if has_alpha(PARTS) {
            let (alpha, colours) = parts.split_last_mut().expect("a pixel has parts");
            for colour in colours {
                *colour *= *alpha;
            }
        }
        for (sum, part) in sums.iter_mut().zip(parts) {
            *sum += part;
        }
    }
}

/// The mean of a box of so many rows, given the sums of its columns.
fn mean_of<const PARTS: usize>(columns: &[[u32; PARTS]], rows: u32) -> [u8; PARTS] {
    let sums: [u32; PARTS] = std::array::from_fn(|part| columns.iter().map(|sums| sums[part]).sum());
    let pixels = columns.iter().map(|_| rows).sum();
    let weight = if has_alpha(PARTS) { sums[PARTS - 1] } else { pixels };
    std::array::from_fn(|part| {
        let of = if has_alpha(PARTS) && part == PARTS - 1 { pixels } else { weight };
        let mean = (sums[part] + of / 2).checked_div(of).unwrap_or(0); // what is all transparent has no colour
        u8::try_from(mean).expect("a mean is within what it is of")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::SIDE_MAX;

    /// Shrinks rows that are all there.
    fn shrunk<const PARTS: usize>(size: (u32, u32), boxes: Boxes, pixels: &[[u8; PARTS]]) -> Vec<[u8; PARTS]> {
        let mut rows = pixels.as_flattened().chunks(size.0 as usize * PARTS);
        let read = |row: &mut [u8]| {
            row.copy_from_slice(rows.next().unwrap());
            Ok(())
        };
        let shrunk = shrink::<PARTS>(size, boxes, read).unwrap();
        assert_eq!(rows.next(), None, "every row is read");
        shrunk.as_chunks().0.to_vec()
    }

    #[test]
    fn a_box_becomes_its_mean_and_one_at_the_edge_that_of_what_it_has() {
        let boxes = Boxes { across: 2, down: 3 };
        #[rustfmt::skip]
        let pixels = [
            [0], [1], [10],
            [2], [3], [20],
            [4], [5], [33],
            [8], [9], [255],
        ];

        let means = shrunk((3, 4), boxes, &pixels);

        assert_eq!(means, [[3], [21], [9], [255]], "halves are rounded up");
    }

    #[test]
    fn every_part_of_a_pixel_has_its_own_mean() {
        let boxes = Boxes { across: 2, down: 1 };

        assert_eq!(shrunk((2, 1), boxes, &[[0, 100, 255], [10, 200, 255]]), [[5, 150, 255]]);
        assert_eq!(shrunk((2, 1), boxes, &[[0, 255], [10, 255]]), [[5, 255]]);
        assert_eq!(shrunk((2, 1), boxes, &[[0, 100, 7, 255], [10, 200, 7, 255]]), [[5, 150, 7, 255]]);
    }

    #[test]
    fn colours_count_as_much_as_they_are_opaque() {
        let boxes = Boxes { across: 1, down: 2 };

        assert_eq!(shrunk((1, 2), boxes, &[[255, 0, 9, 0], [10, 20, 30, 100]]), [[10, 20, 30, 50]]);
        assert_eq!(shrunk((1, 2), boxes, &[[100, 200], [200, 100]]), [[133, 150]]);
        assert_eq!(shrunk((1, 2), boxes, &[[100, 0], [200, 0]]), [[0, 0]]);
    }

    #[test]
    fn what_is_not_shrunk_stays_as_it_is() {
        let pixels = [[1, 2, 3, 0], [4, 5, 6, 7]];

        assert_eq!(shrunk((1, 2), Boxes::PIXELS, &pixels), pixels);
    }

    #[test]
    fn a_row_that_cannot_be_read_ends_it() {
        let mut rows = 5;
        let read = |_: &mut [u8]| {
            rows -= 1;
            if rows > 0 { Ok(()) } else { Err(Error::BadImage) }
        };

        assert!(matches!(shrink::<3>((9, 9), Boxes { across: 3, down: 3 }, read), Err(Error::BadImage)));
    }

    #[test]
    fn the_resizer_gets_three_to_six_pixels_for_one_of_any_picture() {
        let sides = || (0..200).map(|at| 1 + at * at * at / 121).chain([255, 256, 767, 768, 1535, 1536, SIDE_MAX]);
        for size in sides().flat_map(|width| sides().map(move |height| (width, height))) {
            let (boxes, small) = (Boxes::of(size), rendition::fit(size.0, size.1));

            let count = boxes.count(size);

            for (side, count, small) in [(size.0, count.0, small.0), (size.1, count.1, small.1)] {
                assert!(count <= 6 * small, "{size:?}: {count} for {small}");
                assert!(count >= 3 * small || count == side, "{size:?}: {count} for {small}");
            }
            assert!(boxes.across.min(boxes.down) <= 85 && boxes.across.max(boxes.down) <= 170, "{size:?}: {boxes:?}");
        }
    }

    #[test]
    fn the_sums_of_the_largest_box_are_counted_right() {
        let columns = [[170 * 255 * 255, 170 * 255]; 85];

        assert_eq!(mean_of(&columns, 170), [255, 255]);
    }
}
