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

type Tokens = HashMap<&'static str, usize, BySpread>;

struct Vectors {
    /// Whole words, and the beginnings of words.
    begins: Tokens,
    /// What words go on with.
    goes_on: Tokens,
    rows: &'static [u8],
}

/// The direction in which the words of a normalised text point together, of length 1; zero where no
/// word is known.
pub(super) fn meaning(words: &str) -> [f32; DIMENSIONS] {
    let mut sum = [0.0; DIMENSIONS];
    for word in words
        .split_ascii_whitespace()
        .filter(|word| word.is_ascii())
    {
        WORDS.add(word, &mut sum);
    }
    let length = sum.iter().map(|x| x * x).sum::<f32>().sqrt();
    if length > 0.0 {
        for x in &mut sum {
            *x /= length;
        }
    }
    sum
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
        let tokens = std::str::from_utf8(tokens)
            .expect(LAID_OUT)
            .split('\n')
            .enumerate();
        let (mut begins, mut goes_on) = <(Tokens, Tokens)>::default();
        for (row, token) in tokens {
            match token.strip_prefix("##") {
                Some(end) if !end.is_empty() => goes_on.insert(end, row),
                _ => begins.insert(token, row),
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
    fn add(&self, word: &str, sum: &mut [f32; DIMENSIONS]) {
        let mut rest = word;
        while !rest.is_empty() {
            let known = if rest.len() == word.len() {
                &self.begins
            } else {
                &self.goes_on
            };
            // No piece is longer than this.
            let longest = rest.len().min(18);
            let found = (1..=longest)
                .rev()
                .find_map(|end| Some((end, *known.get(&rest[..end])?)));
            let Some((end, row)) = found else {
                return;
            };
            let row = &self.rows[row * DIMENSIONS..][..DIMENSIONS];
            for (sum, byte) in sum.iter_mut().zip(row) {
                *sum += f32::from(byte.cast_signed());
            }
            rest = &rest[end..];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nearness(a: &str, b: &str) -> f32 {
        let pairs = meaning(a).into_iter().zip(meaning(b));
        pairs.map(|(x, y)| x * y).sum()
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
            assert!(meaning(words).iter().all(|x| x.abs() < f32::EPSILON));
        }
    }
}
