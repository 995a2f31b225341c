//! The cryptography of Mega's clients: AES-128 throughout, as its published SDK does it.
//!
//! - A file has a key and a nonce of its own. Its bytes go through AES-CTR; a MAC of them (CBC-MAC over chunks of growing size)
//!   is folded into the key, which is stored encrypted by the account's master key.
//! - A name is encrypted by the key of its file or folder.

use aes::{
    Aes128,
    cipher::{
        BlockDecrypt as _, BlockDecryptMut as _, BlockEncrypt as _, BlockEncryptMut as _, KeyInit as _, KeyIvInit as _,
        StreamCipher as _, StreamCipherSeek as _, block_padding::NoPadding,
    },
};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use serde::{Deserialize, Serialize};

use super::error::Error;

/// The bytes of a block, and of a key.
pub(super) const BLOCK: usize = 16;
/// What the first chunk of a file has, and each further one more, up to [`CHUNK_MAX`].
const CHUNK_STEP: usize = 128 * 1024;
/// The largest chunk.
const CHUNK_MAX: usize = 1024 * 1024;

/// A key of AES.
pub(super) type Key = [u8; BLOCK];

/// Base64 as Mega writes it: URL-safe, without padding.
pub(super) fn encode(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// # Errors
/// Mega's.
pub(super) fn decode(text: &str) -> Result<Vec<u8>, Error> {
    BASE64_URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).map_err(|_| Error::Strange("base64"))
}

/// Random bytes.
pub(super) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the system has random bytes");
    bytes
}

/// Encrypts keys: each block by itself.
pub(super) fn wrap(key: &Key, blocks: &mut [u8]) {
    let aes = Aes128::new(key.into());
    blocks.chunks_exact_mut(BLOCK).for_each(|block| aes.encrypt_block(block.into()));
}

/// Decrypts keys.
pub(super) fn unwrap(key: &Key, blocks: &mut [u8]) {
    let aes = Aes128::new(key.into());
    blocks.chunks_exact_mut(BLOCK).for_each(|block| aes.decrypt_block(block.into()));
}

/// What a file's bytes are encrypted and known by.
#[derive(Clone, Copy)]
pub(super) struct FileKey {
    aes: Key,
    nonce: [u8; 8],
    mac: [u8; 8],
}

impl FileKey {
    /// A new key, for bytes whose MAC is not known yet.
    pub(super) fn new() -> Self {
        Self { aes: random(), nonce: random(), mac: [0; 8] }
    }

    /// What Mega keeps of it: encrypted by `master`.
    pub(super) fn seal(&self, master: &Key) -> [u8; 32] {
        let mut sealed = [0; 32];
        sealed[..16].copy_from_slice(&self.aes);
        sealed[16..24].copy_from_slice(&self.nonce);
        sealed[24..].copy_from_slice(&self.mac);
        fold(&mut sealed);
        wrap(master, &mut sealed);
        sealed
    }

    /// The other way round.
    pub(super) fn open(mut sealed: [u8; 32], master: &Key) -> Self {
        unwrap(master, &mut sealed);
        fold(&mut sealed);
        let part = |from: usize| sealed[from..from + 8].try_into().expect("it has eight bytes");
        Self { aes: sealed[..16].try_into().expect("it has sixteen bytes"), nonce: part(16), mac: part(24) }
    }

    /// The key of its name.
    pub(super) const fn name(&self) -> &Key {
        &self.aes
    }

    /// What encrypts and decrypts the bytes from `at` on.
    pub(super) fn cipher(&self, at: u64) -> Cipher {
        let mut counter = [0; BLOCK];
        counter[..8].copy_from_slice(&self.nonce);
        let mut cipher = ctr::Ctr128BE::<Aes128>::new((&self.aes).into(), (&counter).into());
        cipher.seek(at);
        Cipher(cipher)
    }

    /// What finds the MAC of all bytes.
    pub(super) fn macs(&self) -> Macs {
        let mut seed = [0; BLOCK];
        seed[..8].copy_from_slice(&self.nonce);
        seed[8..].copy_from_slice(&self.nonce);
        let aes = Aes128::new((&self.aes).into());
        Macs { aes, seed, chunk: seed, total: [0; BLOCK], length: 0, most: CHUNK_STEP }
    }

    /// The key of bytes that have that MAC.
    pub(super) const fn with_mac(self, mac: [u8; 8]) -> Self {
        Self { mac, ..self }
    }

    /// Whether that is their MAC.
    pub(super) fn is_mac(&self, mac: [u8; 8]) -> bool {
        self.mac == mac
    }
}

/// A key is stored with its second half folded into the first; doing it again undoes it.
fn fold(key: &mut [u8; 32]) {
    let (first, second) = key.split_at_mut(16);
    first.iter_mut().zip(second).for_each(|(first, second)| *first ^= *second);
}

/// Encrypts and decrypts bytes in their order.
pub(super) struct Cipher(ctr::Ctr128BE<Aes128>);

impl Cipher {
    pub(super) fn apply(&mut self, bytes: &mut [u8]) {
        self.0.apply_keystream(bytes);
    }
}

/// Finds the MAC of bytes that come in their order.
pub(super) struct Macs {
    aes: Aes128,
    seed: [u8; BLOCK],
    /// The MAC of the chunk.
    chunk: [u8; BLOCK],
    /// The MAC of the chunks before.
    total: [u8; BLOCK],
    /// How many bytes of the chunk there were,
    length: usize,
    /// and how many it has.
    most: usize,
}

impl Macs {
    pub(super) fn update(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let at = self.length % BLOCK;
            let (part, rest) = bytes.split_at(bytes.len().min(BLOCK - at));
            self.chunk[at..].iter_mut().zip(part).for_each(|(chunk, byte)| *chunk ^= byte);
            self.length += part.len();
            bytes = rest;
            if self.length.is_multiple_of(BLOCK) {
                self.aes.encrypt_block((&mut self.chunk).into());
            }
            if self.length == self.most {
                self.close();
            }
        }
    }

    fn close(&mut self) {
        if !self.length.is_multiple_of(BLOCK) {
            self.aes.encrypt_block((&mut self.chunk).into());
        }
        self.total.iter_mut().zip(self.chunk).for_each(|(total, chunk)| *total ^= chunk);
        self.aes.encrypt_block((&mut self.total).into());
        (self.chunk, self.length) = (self.seed, 0);
        self.most = CHUNK_MAX.min(self.most + CHUNK_STEP);
    }

    pub(super) fn finish(mut self) -> [u8; 8] {
        if self.length > 0 {
            self.close();
        }
        std::array::from_fn(|at| {
            let at = if at < 4 { at } else { at + 4 };
            self.total[at] ^ self.total[at + 4]
        })
    }
}

/// What of a file's or a folder's attributes matters here.
#[derive(Serialize, Deserialize)]
struct Attributes {
    #[serde(rename = "n")]
    name: String,
}

/// What stands before attributes that were decrypted by the right key.
const ATTRIBUTES: &[u8] = b"MEGA";

/// A name, as Mega keeps it.
pub(super) fn seal_name(name: &str, key: &Key) -> String {
    let attributes = Attributes { name: name.to_owned() };
    let mut text = [ATTRIBUTES, &serde_json::to_vec(&attributes).expect("a string serialises")].concat();
    text.resize(text.len().next_multiple_of(BLOCK), 0);
    let length = text.len();
    cbc::Encryptor::<Aes128>::new(key.into(), &Key::default().into())
        .encrypt_padded_mut::<NoPadding>(&mut text, length)
        .expect("it is whole blocks");
    encode(text)
}

/// The other way round; none when it was encrypted by another key, or has no name.
pub(super) fn open_name(sealed: &str, key: &Key) -> Option<String> {
    let mut text = decode(sealed).ok()?;
    let cipher = cbc::Decryptor::<Aes128>::new(key.into(), &Key::default().into());
    let text = cipher.decrypt_padded_mut::<NoPadding>(&mut text).ok()?;
    let json = text.strip_prefix(ATTRIBUTES)?;
    let end = json.iter().position(|byte| *byte == 0).unwrap_or(json.len());
    serde_json::from_slice::<Attributes>(&json[..end]).ok().map(|attributes| attributes.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_key_opens_as_it_was() {
        let (master, key) = (random(), FileKey::new().with_mac(*b"8 bytes!"));

        let opened = FileKey::open(key.seal(&master), &master);

        assert_eq!((opened.aes, opened.nonce, opened.mac), (key.aes, key.nonce, key.mac));
    }

    #[test]
    fn a_name_opens_by_its_own_key_alone() {
        let key = random();
        let sealed = seal_name("a name of more than one block.orig", &key);

        assert_eq!(open_name(&sealed, &key).unwrap(), "a name of more than one block.orig");
        assert_eq!(open_name(&sealed, &random()), None);
        assert_eq!(open_name("no base64!", &key), None);
    }

    #[test]
    fn bytes_are_decrypted_from_any_place_on() {
        let key = FileKey::new();
        let mut bytes = vec![7; 100];
        key.cipher(0).apply(&mut bytes);

        key.cipher(37).apply(&mut bytes[37..]);

        assert_eq!(bytes[37..], [7; 63]);
    }

    #[test]
    fn a_mac_does_not_depend_on_the_pieces_that_bytes_come_in() {
        let (key, bytes) = (FileKey::new(), vec![3; CHUNK_STEP * 4 + 5]);
        let (mut whole, mut pieces) = (key.macs(), key.macs());

        whole.update(&bytes);
        bytes.chunks(1013).for_each(|piece| pieces.update(piece));

        assert_eq!(whole.finish(), pieces.finish());
    }
}
