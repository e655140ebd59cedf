use std::collections::HashMap;

use super::Reading;
use super::grams::{self, BySpread, Kind};
use super::sparse::Sparse;
use crate::routing::vectors::{DIMENSIONS, Meaning};
use crate::words::Sign;

/// How long the part of a vector is that each kind of feature makes up.
pub(super) const WORDS: f32 = 1.0;
pub(super) const RUNS: f32 = 1.4;
pub(super) const MEANING: f32 = 0.7;
const SIGN: f32 = 0.4;
/// Little: what a rule explains is not learned from the words beside it.
const RULE: f32 = 0.2;
const BIAS: f32 = 0.5;
/// As much as all the rest: an embedding model knows more of language than the words do.
const EMBEDDING: f32 = 2.0;

/// Turns what was noticed in a text into the numbers that are weighed.
///
/// Pieces count as often as they occur and by how rare they are (inverse document frequency), each
/// kind scaled by the length that its pieces would have if they were all different: so what a text
/// says of a class is a sum over its words. Pieces that no example had are left out.
#[derive(Debug)]
pub(super) struct Vocabulary {
    classes: usize,
    pieces: [HashMap<u32, Piece, BySpread>; Kind::ALL.len()],
    /// How rare a piece is that no example had.
    unheard_of: f32,
    /// The rows of pieces end here, and those of embeddings begin.
    end: usize,
    /// Numbers in an embedding; 0: there are none.
    dimensions: usize,
}

/// A piece that examples had.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece {
    pub row: u32,
    pub rarity: f32,
}

/// The features that are not pieces come first: signs, meaning, bias, rules.
pub(super) const fn first_meaning() -> usize {
    Sign::ALL.len()
}

const fn first_rule() -> usize {
    first_meaning() + DIMENSIONS + 1
}

impl Vocabulary {
    /// Learns the pieces of these texts, which may have embeddings of so many dimensions.
    pub fn new<'a>(
        texts: impl Iterator<Item = &'a str>,
        classes: usize,
        dimensions: usize,
    ) -> Self {
        let mut counts: [HashMap<u32, u32, BySpread>; Kind::ALL.len()] = Default::default();
        let mut total = 0_u32;
        let mut seen = Vec::new();
        for words in texts {
            total += 1;
            for (kind, counts) in Kind::ALL.into_iter().zip(&mut counts) {
                seen.clear();
                grams::each(kind, words, |piece| seen.push(piece));
                seen.sort_unstable();
                seen.dedup();
                for piece in &seen {
                    *counts.entry(*piece).or_default() += 1;
                }
            }
        }
        let mut row = first_rule() + classes;
        let pieces = counts.map(|counts| {
            let mut counts: Vec<(u32, u32)> = counts.into_iter().collect();
            counts.sort_unstable();
            let rows = counts.into_iter().map(|(piece, count)| {
                let place = u32::try_from(row).expect("pieces are fewer than 2^32");
                row += 1;
                (
                    piece,
                    Piece {
                        row: place,
                        rarity: rarity(count, total),
                    },
                )
            });
            rows.collect()
        });
        Self {
            classes,
            pieces,
            unheard_of: rarity(1, total),
            end: row,
            dimensions,
        }
    }

    /// How many features there are.
    pub fn size(&self) -> usize {
        self.end + self.dimensions
    }

    pub fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// The row of the first piece; those of words come first.
    pub fn first_word(&self) -> usize {
        first_rule() + self.classes
    }

    pub fn row_of_sign(sign: Sign) -> usize {
        sign as usize
    }

    pub fn row_of_word(&self, word: &str) -> Option<usize> {
        let piece = self.piece(Kind::Words, grams::of_word(word))?;
        Some(piece.row as usize)
    }

    pub fn piece(&self, kind: Kind, hash: u32) -> Option<Piece> {
        self.pieces[kind as usize].get(&hash).copied()
    }

    /// Fills in the features of a text. Returns how familiar it is.
    pub fn features(&self, reading: &Reading<'_>, features: &mut Sparse) -> Familiarity {
        self.beside_words(reading, features);
        let meaning = Meaning::of(&reading.text.words);
        let factor = scale(MEANING, meaning.length());
        for (at, value) in meaning.numbers().into_iter().enumerate() {
            features.push(first_meaning() + at, factor * value);
        }
        let words = &reading.text.words;
        Familiarity {
            words: self.push_pieces(&[Kind::Words, Kind::Pairs], words, WORDS, features),
            runs: self.push_pieces(&[Kind::Runs], words, RUNS, features),
            is_embedded: reading.embedding.is_some(),
        }
    }

    /// Fills in those features of a text that do not come of its words.
    pub fn beside_words(&self, reading: &Reading<'_>, features: &mut Sparse) {
        features.clear();
        for sign in reading.signs.iter() {
            features.push(Self::row_of_sign(sign), SIGN);
        }
        features.push(first_rule() - 1, BIAS);
        if let Some(embedding) = reading.embedding.filter(|it| it.len() == self.dimensions) {
            let length = embedding.iter().map(|x| x * x).sum::<f32>().sqrt();
            let factor = scale(EMBEDDING, length);
            for (at, value) in embedding.iter().enumerate() {
                features.push(self.end + at, factor * value);
            }
        }
        #[allow(clippy::cast_possible_truncation)] // a share
        for (class, loudness) in &reading.voices {
            if *class < self.classes {
                features.push(
                    first_rule() + class,
                    RULE * (1.0 - (-loudness).exp()) as f32,
                );
            }
        }
    }

    /// Adds pieces that make up a part of that length; returns the share of them that is known.
    fn push_pieces(&self, kinds: &[Kind], words: &str, length: f32, features: &mut Sparse) -> f32 {
        let mut found: Vec<Piece> = Vec::new();
        let mut unknown = 0.0;
        for kind in kinds {
            grams::each(*kind, words, |hash| match self.piece(*kind, hash) {
                Some(piece) => found.push(piece),
                None => unknown += self.square_of_unknown(),
            });
        }
        let known: f32 = found.iter().map(|piece| piece.rarity * piece.rarity).sum();
        let factor = scale(length, known.sqrt());
        found.sort_unstable_by_key(|piece| piece.row);
        for same in found.chunk_by(|a, b| a.row == b.row) {
            let value: f32 = same.iter().map(|piece| piece.rarity).sum();
            features.push(same[0].row as usize, factor * value);
        }
        share(known, unknown)
    }

    /// The square of how much a piece counts that is not known.
    pub fn square_of_unknown(&self) -> f32 {
        self.unheard_of * self.unheard_of
    }
}

/// What brings a vector to a length; nothing does where there is none.
pub(super) fn scale(length: f32, is: f32) -> f32 {
    if is > 0.0 { length / is } else { 0.0 }
}

/// The share of what is known, of the squares of both.
pub(super) fn share(known: f32, unknown: f32) -> f32 {
    if known > 0.0 {
        known / (known + unknown)
    } else {
        0.0
    }
}

/// How much of a text examples had, too: the shares of its words and of its runs of characters.
#[derive(Debug, Clone, Copy)]
pub(super) struct Familiarity {
    pub words: f32,
    pub runs: f32,
    /// An embedding is familiar, whatever the text.
    pub is_embedded: bool,
}

impl Familiarity {
    /// All of it in one number, 0 to 1: the share of it, as a length.
    pub fn share(self) -> f32 {
        let (of_words, of_runs) = (WORDS * WORDS, RUNS * RUNS);
        let embedding = if self.is_embedded {
            EMBEDDING * EMBEDDING
        } else {
            0.0
        };
        let known = self.words * of_words + self.runs * of_runs;
        ((known + embedding) / (of_words + of_runs + embedding)).sqrt()
    }

    /// Whether examples had any of its words.
    pub fn knows_words(self) -> bool {
        self.words > 0.0
    }
}

fn rarity(count: u32, total: u32) -> f32 {
    #[allow(clippy::cast_precision_loss)] // examples are fewer than 2^24
    let (count, total) = (count as f32, total as f32);
    ((1.0 + total) / (1.0 + count)).ln() + 1.0
}
