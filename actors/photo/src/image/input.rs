//! Reads an upload's bytes in order.
//!
//! Invariant: nothing panics and nothing is allocated by a claimed length; what is not there is [`Error::BadImage`].

use crate::Error;

/// What of an upload is still unread.
#[derive(Clone, Copy)]
pub(super) struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next `count` bytes.
    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], Error> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(Error::BadImage)?;
        self.0 = rest;
        Ok(taken)
    }

    /// The next bytes, as many as fit the array.
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(Error::BadImage)?;
        self.0 = rest;
        Ok(*taken)
    }

    pub(super) fn u8(&mut self) -> Result<u8, Error> {
        Ok(u8::from_be_bytes(self.array()?))
    }

    pub(super) fn u16_be(&mut self) -> Result<u16, Error> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    pub(super) fn u16_le(&mut self) -> Result<u16, Error> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    pub(super) fn u32_be(&mut self) -> Result<u32, Error> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    /// Three bytes, little-endian.
    pub(super) fn u24_le(&mut self) -> Result<u32, Error> {
        let [low, middle, high] = self.array()?;
        Ok(u32::from_le_bytes([low, middle, high, 0]))
    }

    /// A length of four bytes, big-endian.
    pub(super) fn length_be(&mut self) -> Result<usize, Error> {
        usize::try_from(self.u32_be()?).map_err(|_| Error::BadImage)
    }

    /// A length of four bytes, little-endian.
    pub(super) fn length_le(&mut self) -> Result<usize, Error> {
        usize::try_from(u32::from_le_bytes(self.array()?)).map_err(|_| Error::BadImage)
    }

    /// What is unread.
    pub(super) const fn rest(&self) -> &'a [u8] {
        self.0
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
