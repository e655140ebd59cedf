//! What words mean, roughly: vectors that are near one another for words that are used alike.
//!
//! They come with the program (two megabytes, distilled from a sentence encoder by
//! `vectors/distil.py`) and let a classifier that was told of `invoices` guess about `bills`.
//! English only: words with other letters than ASCII have no vector.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::classifier::BySpread;

/// Numbers in a vector.
pub(super) const DIMENSIONS: usize = 64;

static WORDS: LazyLock<Vectors> =
    LazyLock::new(|| Vectors::read(include_bytes!("vectors/words.bin")));

/// Rows by the hashes of tokens: tens of thousands of tokens hardly ever share one of 2^32.
type Tokens = HashMap<u32, u32, BySpread>;

struct Vectors {
    /// Whole words, and the beginnings of words.
    begins: Tokens,
    /// What words go on with.
    goes_on: Tokens,
    rows: &'static [u8],
}

/// What some words mean together: the sum of their vectors, as far as it fits (hundreds of times the
/// same word do not).
#[derive(Debug, Clone, Copy)]
pub(super) struct Meaning([i16; DIMENSIONS]);

impl Meaning {
    /// Of no words.
    pub const NOTHING: Self = Self([0; DIMENSIONS]);

    /// Of the words of a normalised text.
    pub fn of(words: &str) -> Self {
        let mut meaning = Self::NOTHING;
        for word in words.split_ascii_whitespace() {
            meaning.add_word(word);
        }
        meaning
    }

    /// Adds what a word means, where it is known.
    pub fn add_word(&mut self, word: &str) {
        if word.is_ascii() {
            WORDS.add(word, self);
        }
    }

    pub fn add(&mut self, other: &Self) {
        for (sum, more) in self.0.iter_mut().zip(other.0) {
            *sum = sum.saturating_add(more);
        }
    }

    /// Whether no word was known.
    pub fn is_nothing(&self) -> bool {
        self.0.iter().all(|x| *x == 0)
    }

    /// How much is meant, whatever it is.
    pub fn length(&self) -> f32 {
        // Each of these sums is of every eighth square: so that eight are made at once.
        let mut squares = [0.0_f32; 8];
        let (blocks, []) = self.0.as_chunks::<8>() else {
            unreachable!("there are eight times eight dimensions");
        };
        for block in blocks {
            for (sum, x) in squares.iter_mut().zip(block) {
                *sum += f32::from(*x) * f32::from(*x);
            }
        }
        squares.iter().sum::<f32>().sqrt()
    }

    /// The vector.
    pub fn numbers(&self) -> [f32; DIMENSIONS] {
        self.0.map(f32::from)
    }
}

impl Vectors {
    /// Reads the file that was made of them, as it says itself.
    fn read(file: &'static [u8]) -> Self {
        const LAID_OUT: &str = "the file is a part of the program, and a test reads it";
        let number = |at: usize| {
            let bytes = file[at..at + 4].try_into().expect(LAID_OUT);
            u32::from_le_bytes(bytes) as usize
        };
        assert_eq!(number(4), DIMENSIONS, "{LAID_OUT}");
        let (rows, tokens) = file[8..].split_at(number(0) * DIMENSIONS);
        let tokens = std::str::from_utf8(tokens).expect(LAID_OUT).split('\n');
        let (mut begins, mut goes_on) = <(Tokens, Tokens)>::default();
        for (row, token) in (0..).zip(tokens) {
            match token.strip_prefix("##") {
                Some(end) if !end.is_empty() => goes_on.insert(of_token(end), row),
                _ => begins.insert(of_token(token), row),
            };
        }
        Self {
            begins,
            goes_on,
            rows,
        }
    }

    /// Adds the vectors of the longest known pieces that make up the word, from the front
    /// (`WordPiece`).
    fn add(&self, word: &str, sum: &mut Meaning) {
        let mut rest = word;
        while !rest.is_empty() {
            let known = if rest.len() == word.len() {
                &self.begins
            } else {
                &self.goes_on
            };
            let mut hashes = [0; LONGEST];
            let mut hash = EMPTY;
            for (place, byte) in hashes.iter_mut().zip(rest.bytes()) {
                hash = hashed(hash, byte);
                *place = hash;
            }
            let longest = rest.len().min(LONGEST);
            let found = (0..longest)
                .rev()
                .find_map(|last| Some((last + 1, *known.get(&hashes[last])?)));
            let Some((end, row)) = found else {
                return;
            };
            let row = &self.rows[row as usize * DIMENSIONS..][..DIMENSIONS];
            for (sum, byte) in sum.0.iter_mut().zip(row) {
                *sum = sum.saturating_add(byte.cast_signed().into());
            }
            rest = &rest[end..];
        }
    }
}

/// No token is longer.
const LONGEST: usize = 18;
const EMPTY: u32 = 0x811c_9dc5;

fn of_token(token: &str) -> u32 {
    token.bytes().fold(EMPTY, hashed)
}

/// FNV-1a, which gives the hash of every beginning on the way.
fn hashed(hash: u32, byte: u8) -> u32 {
    (hash ^ u32::from(byte)).wrapping_mul(16_777_619)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nearness(a: &str, b: &str) -> f32 {
        let (a, b) = (Meaning::of(a), Meaning::of(b));
        let pairs = a.numbers().into_iter().zip(b.numbers());
        let product: f32 = pairs.map(|(x, y)| x * y).sum();
        product / (a.length() * b.length())
    }

    #[test]
    fn words_that_are_used_alike_are_near_one_another() {
        for (word, like, unlike) in [
            (" doctor ", " physician ", " banana "),
            (" car ", " truck ", " penguin "),
            (
                " restart the server ",
                " reboot the machine ",
                " tell me a joke ",
            ),
        ] {
            let (like, unlike) = (nearness(word, like), nearness(word, unlike));
            assert!(like > unlike + 0.2, "{word}: {like} and {unlike}");
        }
    }

    #[test]
    fn what_is_not_known_means_nothing() {
        for words in [" ", " größe "] {
            assert!(Meaning::of(words).is_nothing());
        }
    }
}
