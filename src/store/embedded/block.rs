use std::cell::RefCell;

use lz4_flex::block::{compress_into, decompress_size_prepended, get_maximum_output_size};
use redb::Error;

/// How many keys a block has at most.
pub(super) const MOST_KEYS: usize = 1000;

/// How many bytes a block has at most before it is packed, unless one value alone has more. To
/// read one value is to unpack its block; and below 64 KiB blocks are packed faster by a quarter, for
/// what is remembered of them fits into half the memory.
pub(super) const MOST_BYTES: usize = 60 << 10;

/// How many blocks' memory the thread keeps for the next ones: that of all that are filled at a time, as
/// a rule.
const MOST_SPARE: usize = 8;

thread_local! {
    /// Memory that blocks have left. Memory that is new each time has to be got from the system,
    /// cleared, and grown into, again and again.
    static SPARE: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// Where a value lies among those that expire in the same second: the number of the block, the
/// first byte, and how many there are.
pub(super) type Place = (u64, u32, u32);

/// Keys and values that will expire together, on their way into the database as one.
///
/// Each entry is the length of the key, the length of the value (32 bits each, little-endian),
/// the key, and the value. Packed, all that is compressed: records of requests are much alike.
pub(super) struct Block {
    pub number: u64,
    keys: usize,
    bytes: Vec<u8>,
}

impl Block {
    pub(super) fn new(number: u64) -> Self {
        Self {
            number,
            keys: 0,
            bytes: SPARE.with_borrow_mut(Vec::pop).unwrap_or_default(),
        }
    }

    /// Becomes the next block of the same second, which is empty.
    pub(super) fn turn_over(&mut self) {
        self.number += 1;
        self.keys = 0;
        self.bytes.clear();
    }

    pub(super) fn has_room_for(&self, value: &[u8]) -> bool {
        self.keys == 0 || self.keys < MOST_KEYS && self.bytes.len() + value.len() <= MOST_BYTES
    }

    /// Puts an entry at the end.
    pub(super) fn add(&mut self, key: &str, value: &[u8]) -> Result<Place, Error> {
        self.keys += 1;
        for part in [key.as_bytes(), value] {
            self.bytes.extend(number(part.len())?.to_le_bytes());
        }
        self.bytes.extend_from_slice(key.as_bytes());
        let start = number(self.bytes.len())?;
        self.bytes.extend_from_slice(value);
        Ok((self.number, start, number(value.len())?))
    }

    /// All of it, compressed, after the length that it had (32 bits, little-endian).
    pub(super) fn pack<'p>(&self, press: &'p mut Press) -> Result<&'p [u8], Error> {
        let length = number(self.bytes.len())?.to_le_bytes();
        let most = length.len() + get_maximum_output_size(self.bytes.len());
        let buffer = &mut press.0;
        if buffer.len() < most {
            buffer.resize(most, 0);
        }
        let (before, packed) = buffer.split_at_mut(length.len());
        before.copy_from_slice(&length);
        let packed = compress_into(&self.bytes, packed)
            .expect("the buffer is as long as anything compressed can be");
        Ok(&buffer[..length.len() + packed])
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.clear();
        bytes.shrink_to(2 * MOST_BYTES);
        SPARE.with_borrow_mut(|spare| {
            if spare.len() < MOST_SPARE {
                spare.push(bytes);
            }
        });
    }
}

/// Where blocks are packed, one after another: memory that need not be found, and cleared, anew
/// for each.
#[derive(Default)]
pub(super) struct Press(Vec<u8>);

fn number(length: usize) -> Result<u32, Error> {
    u32::try_from(length).map_err(|_| Error::ValueTooLarge(length))
}

/// The bytes of a block that was packed.
pub(super) struct Unpacked(Vec<u8>);

impl Unpacked {
    pub(super) fn new(packed: &[u8]) -> Result<Self, Error> {
        match decompress_size_prepended(packed) {
            Ok(bytes) => Ok(Self(bytes)),
            Err(error) => Err(Error::Corrupted(format!("a block of values: {error}"))),
        }
    }

    /// The value at that place.
    pub(super) fn value(&self, (_, start, length): Place) -> Result<&[u8], Error> {
        let value = self.0.get(start as usize..);
        let value = value.and_then(|rest| rest.get(..length as usize));
        value.ok_or_else(|| Error::Corrupted("a block of values is too short".to_owned()))
    }

    /// The keys of all entries.
    pub(super) fn keys(&self) -> Vec<&str> {
        let (mut keys, mut rest) = (Vec::new(), &self.0[..]);
        while let Some((key, after)) = next_key(rest) {
            keys.push(key);
            rest = after;
        }
        keys
    }
}

/// The key at the beginning, and all that comes after its value.
fn next_key(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let (key, rest) = bytes.split_first_chunk()?;
    let (value, rest) = rest.split_first_chunk()?;
    let (key, rest) = rest.split_at_checked(u32::from_le_bytes(*key) as usize)?;
    let after = rest.get(u32::from_le_bytes(*value) as usize..)?;
    Some((std::str::from_utf8(key).ok()?, after))
}
