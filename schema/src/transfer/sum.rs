//! What some lines add up to, in whatever order they come: stores give their rows in an order of their own.

use sha2::{Digest as _, Sha256};

/// How many lines there were, and the sum of their SHA-256, each eight bytes by themselves. Rows are unique by their keys, so
/// that the sum of others is the same only by a collision.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Sum {
    pub(super) rows: u64,
    hashes: [u64; 4],
}

impl Sum {
    pub(super) fn add(&mut self, line: &str) {
        let hash: [u8; 32] = Sha256::digest(line).into();
        for (sum, bytes) in self.hashes.iter_mut().zip(hash.as_chunks::<8>().0) {
            *sum = sum.wrapping_add(u64::from_le_bytes(*bytes));
        }
        self.rows += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(lines: &[&str]) -> Sum {
        let mut sum = Sum::default();
        for line in lines {
            sum.add(line);
        }
        sum
    }

    #[test]
    fn order_makes_no_difference_and_anything_else_does() {
        assert_eq!(sum(&["a", "b", "c"]), sum(&["c", "a", "b"]));
        for other in [&["a", "b"][..], &["a", "b", "d"], &["a", "b", "c", "c"], &["a", "a", "c"]] {
            assert_ne!(sum(&["a", "b", "c"]), sum(other), "{other:?}");
        }
    }
}
