use super::softmax::Example;
use super::sparse::Sparse;

/// Features that more than one in so many classes has say too little for what they cost.
const COMMON: usize = 20;

/// The mean of the examples of each class, as a direction: for more classes than weights can be found
/// for (Rocchio's classifier). A text is scored by how well it points the same way, times
/// [`LOUDNESS`].
#[derive(Debug)]
pub(super) struct Centroids {
    /// Where the entries of each feature begin; one more than there are features.
    begins: Vec<u32>,
    /// Classes that have the feature, and how much of it.
    entries: Vec<(u32, f32)>,
}

/// Brings scores to the order of those of weights, which the calibration starts from.
const LOUDNESS: f32 = 5.0;

impl Centroids {
    pub fn fit(examples: &[Example<'_>], features: usize, classes: usize) -> Self {
        let mut all: Vec<(u32, u32, f32)> = Vec::new();
        for example in examples {
            let class = number(example.class);
            all.extend(
                example
                    .features
                    .iter()
                    .map(|(feature, value)| (number(feature), class, value * example.weight)),
            );
        }
        all.sort_unstable_by_key(|(feature, class, _)| (*feature, *class));
        all.dedup_by(|later, first| {
            let same = (later.0, later.1) == (first.0, first.1);
            if same {
                first.2 += later.2;
            }
            same
        });
        let mut lengths = vec![0.0_f32; classes];
        for (_, class, value) in &all {
            lengths[*class as usize] += value * value;
        }
        let mut begins = vec![0_u32];
        let mut entries = Vec::new();
        let mut rest = all.as_slice();
        for feature in 0..number(features) {
            let count = rest.partition_point(|(known, _, _)| *known == feature);
            let (own, others) = rest.split_at(count);
            rest = others;
            if count <= classes.div_ceil(COMMON) {
                entries.extend(own.iter().map(|(_, class, value)| {
                    let length = lengths[*class as usize].sqrt();
                    (*class, LOUDNESS * value / length)
                }));
            }
            begins.push(number(entries.len()));
        }
        Self { begins, entries }
    }

    /// Adds what the features say of each class to `scores`.
    pub fn score(&self, features: &Sparse, scores: &mut [f32]) {
        for (feature, value) in features.iter() {
            for (class, weight) in self.of(feature) {
                scores[*class as usize] += value * weight;
            }
        }
    }

    /// How much a feature speaks for a class rather than for the others.
    pub fn lean(&self, feature: usize, class: usize) -> f32 {
        let found = self
            .of(feature)
            .iter()
            .find(|(known, _)| *known as usize == class);
        found.map_or(0.0, |(_, weight)| *weight)
    }

    fn of(&self, feature: usize) -> &[(u32, f32)] {
        &self.entries[self.begins[feature] as usize..self.begins[feature + 1] as usize]
    }
}

fn number(place: usize) -> u32 {
    u32::try_from(place).expect("features, classes and entries are fewer than 2^32")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vector(entries: &[(usize, f32)]) -> Sparse {
        let mut vector = Sparse::default();
        for (feature, value) in entries {
            vector.push(*feature, *value);
        }
        vector
    }

    #[test]
    fn a_text_is_scored_by_how_well_it_points_the_way_of_a_class() {
        let texts = [vector(&[(0, 1.0)]), vector(&[(1, 1.0), (2, 1.0)])];
        let examples: Vec<Example<'_>> = texts
            .iter()
            .enumerate()
            .map(|(class, features)| Example {
                features,
                class,
                weight: 1.0,
            })
            .collect();
        let centroids = Centroids::fit(&examples, 3, 2);
        let mut scores = [0.0; 2];
        centroids.score(&vector(&[(1, 1.0)]), &mut scores);
        assert!(scores[0].abs() < 1e-6);
        assert!((scores[1] - LOUDNESS / 2.0_f32.sqrt()).abs() < 1e-6);
        assert!(centroids.lean(0, 0) > 0.0 && centroids.lean(0, 1).abs() < 1e-6);
    }
}
