use redb::Error;

/// How many keys a block has at most.
pub(super) const MOST_KEYS: usize = 1000;

/// How many bytes a block has at most, unless one value alone has more: just what fits into
/// 64 KiB with what the database adds. To read one value is to read its block.
pub(super) const MOST_BYTES: usize = (64 << 10) - 256;

/// Where a value lies among those that expire in the same second: the number of the block, the
/// first byte, and how many there are.
pub(super) type Place = (u64, u32, u32);

/// Values that will expire together, on their way into the database as one.
pub(super) struct Block<'e> {
    pub number: u64,
    pub keys: Vec<&'e str>,
    values: Vec<&'e [u8]>,
    bytes: usize,
}

impl<'e> Block<'e> {
    pub(super) fn new(number: u64) -> Self {
        Self {
            number,
            keys: Vec::new(),
            values: Vec::new(),
            bytes: 0,
        }
    }

    pub(super) fn has_room_for(&self, value: &[u8]) -> bool {
        self.keys.is_empty()
            || self.keys.len() < MOST_KEYS && self.bytes + value.len() <= MOST_BYTES
    }

    /// Puts a value at the end.
    pub(super) fn add(&mut self, key: &'e str, value: &'e [u8]) -> Result<Place, Error> {
        let too_large = |_| Error::ValueTooLarge(value.len());
        let length = u32::try_from(value.len()).map_err(too_large)?;
        let start = u32::try_from(self.bytes).map_err(too_large)?;
        self.keys.push(key);
        self.values.push(value);
        self.bytes += value.len();
        Ok((self.number, start, length))
    }

    /// How many bytes it has.
    pub(super) fn len(&self) -> usize {
        self.bytes
    }

    /// Fills `space`, which has as many bytes, with the values.
    pub(super) fn write_to(&self, mut space: &mut [u8]) {
        for value in &self.values {
            let (place, after) = space.split_at_mut(value.len());
            place.copy_from_slice(value);
            space = after;
        }
    }
}

/// The value at that place in a block; `None` when the block is shorter than that.
pub(super) fn value_at(block: &[u8], (_, start, length): Place) -> Option<&[u8]> {
    let start = start as usize;
    block.get(start..)?.get(..length as usize)
}
