//! Pieces of a text, each known by a hash: words, pairs of words, and runs of two to five
//! characters within a word and the spaces at its ends. One digit is as good as another: that there is
//! a number says something, which one it is hardly ever does.

use std::hash::{BuildHasherDefault, Hasher};

/// Where a piece comes from. Each kind is weighed by itself, so that the many runs of characters
/// do not drown the few words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Words,
    Characters,
}

impl Kind {
    pub const ALL: [Self; 2] = [Self::Words, Self::Characters];
}

const LONGEST: usize = 5;

/// Calls `found` with the hash of each piece of that kind, in the order of the text; as often as
/// it occurs.
pub(super) fn each(kind: Kind, words: &str, mut found: impl FnMut(u32)) {
    match kind {
        Kind::Words => {
            const PAIR: u32 = 0x9e37_79b9;
            let mut before = None;
            for word in words.split_ascii_whitespace() {
                let hash = of_word(word);
                found(hash);
                if let Some(before) = before {
                    found(finished(step(step(PAIR, before), hash)));
                }
                before = Some(hash);
            }
        }
        Kind::Characters => {
            let mut rest = words;
            while let Some(end) = rest.get(1..).and_then(|inner| inner.find(' ')) {
                // The word with both of its spaces.
                runs(&rest[..end + 2], &mut found);
                rest = &rest[end + 1..];
            }
        }
    }
}

/// The hash of a word by itself.
pub(super) fn of_word(word: &str) -> u32 {
    const SEED: u32 = 0x811c_9dc5;
    finished(
        word.bytes()
            .fold(SEED, |hash, byte| step(hash, byte.into())),
    )
}

fn runs(word: &str, found: &mut impl FnMut(u32)) {
    const SEED: u32 = 0x9dc5_811c;
    for (begin, _) in word.char_indices() {
        let mut hash = SEED;
        for (length, c) in (1..=LONGEST).zip(word[begin..].chars()) {
            let c = if c.is_ascii_digit() { '0' } else { c };
            hash = step(hash, c.into());
            if length > 1 {
                found(finished(hash));
            }
        }
    }
}

/// One step of FNV-1a, over whole numbers instead of bytes.
fn step(hash: u32, value: u32) -> u32 {
    (hash ^ value).wrapping_mul(16_777_619)
}

/// Spreads what FNV leaves in its lower bits over all of them (the finaliser of `MurmurHash3`).
fn finished(mut hash: u32) -> u32 {
    hash ^= hash >> 16;
    hash = hash.wrapping_mul(0x85eb_ca6b);
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(0xc2b2_ae35);
    hash ^ (hash >> 16)
}

/// For maps from such hashes: they need no more hashing than a table of 2^64 asks for.
#[derive(Debug, Default, Clone, Copy)]
pub struct Spread(u64);

pub(in crate::routing) type BySpread = BuildHasherDefault<Spread>;

impl Hasher for Spread {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u32((*byte).into());
        }
    }

    fn write_u32(&mut self, value: u32) {
        self.0 = (self.0 ^ u64::from(value)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(kind: Kind, words: &str) -> usize {
        let mut count = 0;
        each(kind, words, |_| count += 1);
        count
    }

    #[test]
    fn words_and_their_pairs() {
        assert_eq!(count(Kind::Words, " what is it "), 5);
        assert_eq!(count(Kind::Words, " "), 0);
    }

    #[test]
    fn runs_of_characters_stay_within_a_word() {
        // ` ab `: 3 of two, 2 of three, 1 of four characters.
        assert_eq!(count(Kind::Characters, " ab "), 6);
        assert_eq!(count(Kind::Characters, " ab ü "), 6 + 3);
        assert_eq!(count(Kind::Characters, " "), 0);
    }

    #[test]
    fn the_same_piece_has_the_same_hash_wherever_it_stands() {
        let pieces = |words: &str| {
            let mut pieces = Vec::new();
            each(Kind::Words, words, |piece| pieces.push(piece));
            pieces
        };
        assert_eq!(pieces(" hello ")[0], of_word("hello"));
        assert_eq!(pieces(" a b ")[2], pieces(" c a b ")[4]);
        assert_ne!(pieces(" a b ")[2], pieces(" b a ")[2]);
    }
}
