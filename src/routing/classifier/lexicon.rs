use std::cell::RefCell;
use std::collections::BTreeMap;

use super::Reading;
use super::grams::{self, Kind};
use super::packed::{Packed, Sums};
use super::vocabulary::{
    Familiarity, MEANING, Piece, RUNS, Vocabulary, WORDS, first_meaning, scale, share,
};
use crate::routing::vectors::Meaning;

/// What each word that examples had says by itself, by its runs of characters and by its meaning, added
/// up beforehand.
///
/// What a text says is a sum over its words, but for the lengths that the parts of the sum are scaled
/// to. So a word that is known costs one look, and only of others each run is looked at. What comes
/// out is what [`Vocabulary::features`] times the weights would be.
#[derive(Debug)]
pub(super) struct Lexicon {
    first: usize,
    /// In the order of their rows.
    words: Vec<Known>,
    /// Three rows for each word: what it says by itself, by its runs, by its meaning.
    sums: Packed,
}

#[derive(Debug, Clone, Copy)]
struct Known {
    /// The square of the length of its runs.
    runs: f32,
    meaning: Meaning,
}

/// What a text says so far, by its words, by their runs of characters, and by what they mean.
#[derive(Debug)]
struct Heard {
    words: Part,
    runs: Part,
    meaning: Meaning,
    /// What the meaning says.
    sums: Sums,
}

/// One kind of pieces: what they say, and the squares of the lengths of those that are known and of
/// those that are not.
#[derive(Debug, Default)]
struct Part {
    sums: Sums,
    known: f32,
    unknown: f32,
}

thread_local! {
    static HEARD: RefCell<Heard> = RefCell::new(Heard {
        words: Part::default(),
        runs: Part::default(),
        meaning: Meaning::NOTHING,
        sums: Sums::default(),
    });
}

impl Lexicon {
    /// The words of these texts, all of which the vocabulary knows, weighed by these weights.
    pub fn new<'a>(
        texts: impl Iterator<Item = &'a str>,
        vocabulary: &Vocabulary,
        weights: &Packed,
        classes: usize,
    ) -> Self {
        let first = vocabulary.first_word();
        let mut known: BTreeMap<usize, (Piece, &str)> = BTreeMap::new();
        for spaced in texts.flat_map(grams::each_spaced) {
            let hash = grams::of_word(spaced.trim_ascii());
            let piece = vocabulary.piece(Kind::Words, hash);
            let piece = piece.expect("the vocabulary was made of these texts");
            known.entry(piece.row as usize).or_insert((piece, spaced));
        }
        let mut lexicon = Self {
            first,
            words: Vec::with_capacity(known.len()),
            sums: Packed::empty(classes),
        };
        let (mut own, mut runs, mut meant) = (Sums::default(), Part::default(), Sums::default());
        for (row, (piece, spaced)) in known {
            own.clear(classes);
            weights.add(row, piece.rarity, &mut own);
            runs.clear(classes);
            runs.hear_runs(spaced, vocabulary, weights);
            meant.clear(classes);
            let meaning = Meaning::of(spaced);
            hear_meaning(&meaning, weights, &mut meant);
            for sums in [&own, &runs.sums, &meant] {
                lexicon.sums.push(&sums.as_slice()[..classes]);
            }
            lexicon.words.push(Known {
                runs: runs.known,
                meaning,
            });
        }
        lexicon
    }

    /// Adds what the words of a text say of each class to `scores`. Returns how familiar the text is.
    pub fn score(
        &self,
        reading: &Reading<'_>,
        vocabulary: &Vocabulary,
        weights: &Packed,
        classes: usize,
        scores: &mut Sums,
    ) -> Familiarity {
        HEARD.with_borrow_mut(|heard| {
            heard.clear(classes);
            self.hear(&reading.text.words, vocabulary, weights, heard);
            for (sums, factor) in [
                (&heard.words.sums, scale(WORDS, heard.words.known.sqrt())),
                (&heard.runs.sums, scale(RUNS, heard.runs.known.sqrt())),
                (&heard.sums, scale(MEANING, heard.meaning.length())),
            ] {
                scores.add(sums, factor);
            }
            Familiarity {
                words: heard.words.share(),
                runs: heard.runs.share(),
                is_embedded: reading.embedding.is_some(),
            }
        })
    }

    fn hear(&self, words: &str, vocabulary: &Vocabulary, weights: &Packed, heard: &mut Heard) {
        let mut strange = Meaning::NOTHING;
        let mut before = None;
        for spaced in grams::each_spaced(words) {
            let word = spaced.trim_ascii();
            let hash = grams::of_word(word);
            if let Some(before) = before.replace(hash) {
                let pair = grams::of_pair(before, hash);
                heard.words.hear(Kind::Pairs, pair, vocabulary, weights);
            }
            if let Some(piece) = vocabulary.piece(Kind::Words, hash) {
                self.recall(piece, heard);
            } else {
                heard.words.unknown += vocabulary.square_of_unknown();
                heard.runs.hear_runs(spaced, vocabulary, weights);
                strange.add_word(word);
            }
        }
        if !strange.is_nothing() {
            hear_meaning(&strange, weights, &mut heard.sums);
            heard.meaning.add(&strange);
        }
    }

    fn recall(&self, word: Piece, heard: &mut Heard) {
        let place = word.row as usize - self.first;
        let sums = [&mut heard.words.sums, &mut heard.runs.sums, &mut heard.sums];
        for (row, sums) in sums.into_iter().enumerate() {
            self.sums.add(3 * place + row, 1.0, sums);
        }
        heard.words.known += word.rarity * word.rarity;
        heard.runs.known += self.words[place].runs;
        heard.meaning.add(&self.words[place].meaning);
    }
}

impl Heard {
    fn clear(&mut self, classes: usize) {
        self.words.clear(classes);
        self.runs.clear(classes);
        self.sums.clear(classes);
        self.meaning = Meaning::NOTHING;
    }
}

impl Part {
    fn clear(&mut self, classes: usize) {
        self.sums.clear(classes);
        (self.known, self.unknown) = (0.0, 0.0);
    }

    /// Returns whether any example had the piece.
    fn hear(&mut self, kind: Kind, hash: u32, vocabulary: &Vocabulary, weights: &Packed) -> bool {
        let Some(Piece { row, rarity }) = vocabulary.piece(kind, hash) else {
            self.unknown += vocabulary.square_of_unknown();
            return false;
        };
        weights.add(row as usize, rarity, &mut self.sums);
        self.known += rarity * rarity;
        true
    }

    fn hear_runs(&mut self, spaced: &str, vocabulary: &Vocabulary, weights: &Packed) {
        for mut runs in grams::runs(spaced) {
            while let Some(run) = runs.next() {
                if !self.hear(Kind::Runs, run, vocabulary, weights) {
                    // What no example had, none had with more behind it.
                    let longer = runs.by_ref().map(|_| vocabulary.square_of_unknown());
                    self.unknown += longer.sum::<f32>();
                }
            }
        }
    }

    fn share(&self) -> f32 {
        share(self.known, self.unknown)
    }
}

fn hear_meaning(meaning: &Meaning, weights: &Packed, sums: &mut Sums) {
    weights.add_all(first_meaning(), &meaning.numbers(), sums);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::routing::classifier::sparse::Sparse;
    use crate::routing::signs::Signs;
    use crate::routing::text::Text;

    const CLASSES: usize = 3;

    fn reading(text: &str) -> Reading<'_> {
        let text = Text::new(text);
        Reading {
            signs: Signs::of(&text),
            text,
            voices: Vec::new(),
            embedding: None,
        }
    }

    proptest! {
        #[test]
        fn added_up_beforehand_or_not_a_text_says_the_same(
            text in "(restart|the|servers?|rain|bill|zzyx|it) ?((restart|the|server|rain|qx) ){0,6}"
        ) {
            let texts = ["restart the server", "will it rain", "the bill and the receipt"];
            let words = texts.map(|text| Text::new(text).words);
            let texts = || words.iter().map(String::as_str);
            let vocabulary = Vocabulary::new(texts(), CLASSES, 0);
            let mut dice = fastrand::Rng::with_seed(1);
            let rows = vocabulary.size() * CLASSES;
            let rows: Vec<f32> = (0..rows).map(|_| dice.f32() - 0.5).collect();
            let weights = Packed::new(&rows, CLASSES);
            let lexicon = Lexicon::new(texts(), &vocabulary, &weights, CLASSES);

            let reading = reading(&text);
            let mut features = Sparse::default();
            let mut slowly = Sums::default();
            slowly.clear(CLASSES);
            let familiar = vocabulary.features(&reading, &mut features);
            weights.score(&features, &mut slowly);

            let mut quickly = Sums::default();
            quickly.clear(CLASSES);
            vocabulary.beside_words(&reading, &mut features);
            weights.score(&features, &mut quickly);
            let as_familiar =
                lexicon.score(&reading, &vocabulary, &weights, CLASSES, &mut quickly);

            prop_assert!((familiar.share() - as_familiar.share()).abs() < 1e-4);
            prop_assert_eq!(familiar.knows_words(), as_familiar.knows_words());
            for (slow, quick) in slowly.as_slice().iter().zip(quickly.as_slice()) {
                prop_assert!((slow - quick).abs() < 0.02, "{slow} and {quick}");
            }
        }
    }
}
