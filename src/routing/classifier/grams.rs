//! Pieces of a text, each known by a hash: words, pairs of words, and runs of two to five
//! characters within a word and the spaces at its ends. One digit is as good as another: that there is
//! a number says something, which one it is hardly ever does.

use std::hash::{BuildHasherDefault, Hasher};
use std::iter;

/// Where a piece comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Words,
    Pairs,
    Runs,
}

impl Kind {
    pub const ALL: [Self; 3] = [Self::Words, Self::Pairs, Self::Runs];
}

const LONGEST: usize = 5;

/// Calls `found` with the hash of each piece of that kind, in the order of the text; as often as
/// it occurs.
pub(super) fn each(kind: Kind, words: &str, mut found: impl FnMut(u32)) {
    match kind {
        Kind::Words => words.split_ascii_whitespace().map(of_word).for_each(found),
        Kind::Pairs => {
            let hashes = words.split_ascii_whitespace().map(of_word);
            let next = hashes.clone().skip(1);
            hashes
                .zip(next)
                .for_each(|(word, next)| found(of_pair(word, next)));
        }
        Kind::Runs => each_spaced(words).flat_map(runs).flatten().for_each(found),
    }
}

/// The words, each with the spaces at both of its ends.
pub(super) fn each_spaced(words: &str) -> impl Iterator<Item = &str> {
    let mut rest = words;
    let spaced = iter::from_fn(move || {
        let end = rest.get(1..)?.find(' ')? + 1;
        let word = &rest[..=end];
        rest = &rest[end..];
        Some(word)
    });
    // Where something was left out, there is a space more.
    spaced.filter(|word| word.len() > 2)
}

/// The hash of a word by itself.
pub(super) fn of_word(word: &str) -> u32 {
    const SEED: u32 = 0x811c_9dc5;
    finished(
        word.bytes()
            .fold(SEED, |hash, byte| step(hash, byte.into())),
    )
}

/// The hash of a word after another, of the hashes of both.
pub(super) fn of_pair(before: u32, word: u32) -> u32 {
    const SEED: u32 = 0x9e37_79b9;
    finished(step(step(SEED, before), word))
}

/// The runs of characters in a word with its spaces: for each character the hashes of those that begin
/// with it, the shortest first.
pub(super) fn runs(word: &str) -> impl Iterator<Item = impl Iterator<Item = u32>> {
    const SEED: u32 = 0x9dc5_811c;
    word.char_indices().map(|(begin, _)| {
        let characters = word[begin..].chars().take(LONGEST);
        let hashes = characters.scan(SEED, |hash, c| {
            let c = if c.is_ascii_digit() { '0' } else { c };
            *hash = step(*hash, c.into());
            Some(*hash)
        });
        // A single character is no run.
        hashes.skip(1).map(finished)
    })
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
        assert_eq!(count(Kind::Words, " what is it "), 3);
        assert_eq!(count(Kind::Pairs, " what is it "), 2);
        assert_eq!(count(Kind::Words, " "), 0);
    }

    #[test]
    fn runs_of_characters_stay_within_a_word() {
        // ` ab `: 3 of two, 2 of three, 1 of four characters.
        assert_eq!(count(Kind::Runs, " ab "), 6);
        assert_eq!(count(Kind::Runs, " ab ü "), 6 + 3);
        assert_eq!(count(Kind::Runs, " "), 0);
        assert_eq!(count(Kind::Runs, " ab  ü "), 6 + 3);
    }

    #[test]
    fn the_same_piece_has_the_same_hash_wherever_it_stands() {
        let pieces = |kind, words: &str| {
            let mut pieces = Vec::new();
            each(kind, words, |piece| pieces.push(piece));
            pieces
        };
        assert_eq!(pieces(Kind::Words, " hello ")[0], of_word("hello"));
        assert_eq!(
            pieces(Kind::Pairs, " a b ")[0],
            pieces(Kind::Pairs, " c a b ")[1]
        );
        assert_ne!(pieces(Kind::Pairs, " a b "), pieces(Kind::Pairs, " b a "));
    }
}
