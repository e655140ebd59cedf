use std::cell::RefCell;
use std::collections::HashMap;

use super::Reading;
use super::grams::{self, BySpread, Kind};
use super::sparse::Sparse;
use crate::routing::signs::Sign;
use crate::routing::vectors::{self, DIMENSIONS};

/// How long the part of a vector is that each kind of feature makes up.
const WORDS: f32 = 1.0;
const CHARACTERS: f32 = 1.4;
const MEANING: f32 = 0.7;
const SIGN: f32 = 0.4;
/// Little: what a rule explains is not learned from the words beside it.
const RULE: f32 = 0.2;
const BIAS: f32 = 0.5;

/// Turns what was noticed in a text into the numbers that are weighed.
///
/// Pieces count by how often they occur (1 + ln) and how rare they are (inverse document
/// frequency), each kind scaled to a length of its own. Pieces that no example had are left out.
#[derive(Debug)]
pub(super) struct Vocabulary {
    classes: usize,
    pieces: [HashMap<u32, Piece, BySpread>; 2],
    /// How rare a piece is that no example had.
    unheard_of: f32,
    size: usize,
}

#[derive(Debug, Clone, Copy)]
struct Piece {
    row: u32,
    rarity: f32,
}

/// The features that are not pieces come first.
const fn first_rule() -> usize {
    Sign::ALL.len() + DIMENSIONS + 1
}

impl Vocabulary {
    /// Learns the pieces of these texts.
    pub fn new<'a>(texts: impl Iterator<Item = &'a str>, classes: usize) -> Self {
        let mut counts: [HashMap<u32, u32, BySpread>; 2] = Default::default();
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
            size: row,
        }
    }

    /// How many features there are.
    pub fn size(&self) -> usize {
        self.size
    }

    pub fn row_of_sign(sign: Sign) -> usize {
        sign as usize
    }

    pub fn row_of_word(&self, word: &str) -> Option<usize> {
        let piece = self.pieces[0].get(&grams::of_word(word))?;
        Some(piece.row as usize)
    }

    /// Fills in the features of a text. Returns how familiar the text is, 0 to 1: what share of it, as
    /// a length, are pieces that examples had, too.
    pub fn features(&self, reading: &Reading<'_>, features: &mut Sparse) -> f32 {
        features.clear();
        for sign in reading.signs.iter() {
            features.push(Self::row_of_sign(sign), SIGN);
        }
        let meaning = vectors::meaning(&reading.text.words);
        for (at, value) in meaning.iter().enumerate() {
            features.push(Sign::ALL.len() + at, MEANING * value);
        }
        features.push(first_rule() - 1, BIAS);
        #[allow(clippy::cast_possible_truncation)] // a share
        for (class, loudness) in &reading.voices {
            if *class < self.classes {
                features.push(
                    first_rule() + class,
                    RULE * (1.0 - (-loudness).exp()) as f32,
                );
            }
        }
        let kinds = [(Kind::Words, WORDS), (Kind::Characters, CHARACTERS)];
        let (mut known, mut all) = (0.0, 0.0);
        for (pieces, (kind, length)) in self.pieces.iter().zip(kinds) {
            let share = self.push_pieces(pieces, kind, &reading.text.words, length, features);
            known += share * length * length;
            all += length * length;
        }
        (known / all).sqrt()
    }

    /// Adds the pieces of a kind; returns the share of the text that they make up.
    fn push_pieces(
        &self,
        pieces: &HashMap<u32, Piece, BySpread>,
        kind: Kind,
        words: &str,
        length: f32,
        features: &mut Sparse,
    ) -> f32 {
        FOUND.with_borrow_mut(|found| {
            found.clear();
            let mut unknown = 0.0;
            grams::each(kind, words, |piece| match pieces.get(&piece) {
                Some(piece) => found.push((piece.row, piece.rarity)),
                None => unknown += self.unheard_of * self.unheard_of,
            });
            found.sort_unstable_by_key(|(row, _)| *row);
            let groups = found.chunk_by(|(a, _), (b, _)| a == b);
            let values = groups.clone().map(|group| weight(group.len()) * group[0].1);
            let square: f32 = values.clone().map(|value| value * value).sum();
            if square > 0.0 {
                let scale = length / square.sqrt();
                for (group, value) in groups.zip(values) {
                    features.push(group[0].0 as usize, scale * value);
                }
            }
            if square > 0.0 {
                square / (square + unknown)
            } else {
                0.0
            }
        })
    }
}

thread_local! {
    static FOUND: RefCell<Vec<(u32, f32)>> = const { RefCell::new(Vec::new()) };
}

fn weight(count: usize) -> f32 {
    if count == 1 {
        return 1.0;
    }
    #[allow(clippy::cast_precision_loss)] // counts are small
    let count = count as f32;
    1.0 + count.ln()
}

fn rarity(count: u32, total: u32) -> f32 {
    #[allow(clippy::cast_precision_loss)] // examples are fewer than 2^24
    let (count, total) = (count as f32, total as f32);
    ((1.0 + total) / (1.0 + count)).ln() + 1.0
}
