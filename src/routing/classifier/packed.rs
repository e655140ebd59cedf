use super::softmax::Weights;
use super::sparse::Sparse;

/// Weights for judging: each in two bytes, the upper half of an `f32` (bfloat16), since what takes
/// time is to fetch them.
#[derive(Debug)]
pub(super) struct Packed {
    classes: usize,
    rows: Vec<u16>,
}

impl Packed {
    pub fn new(weights: &Weights) -> Self {
        Self {
            classes: weights.classes,
            rows: weights.rows.iter().map(|weight| packed(*weight)).collect(),
        }
    }

    /// Adds what the features say of each class to `scores`.
    pub fn score(&self, features: &Sparse, scores: &mut [f32]) {
        for (feature, value) in features.iter() {
            for (score, weight) in scores.iter_mut().zip(self.row(feature)) {
                *score += value * unpacked(*weight);
            }
        }
    }

    /// How much a feature speaks for a class rather than for the others.
    pub fn lean(&self, feature: usize, class: usize) -> f32 {
        let row = self.row(feature);
        let sum: f32 = row.iter().map(|weight| unpacked(*weight)).sum();
        #[allow(clippy::cast_precision_loss)] // classes are few
        let mean = sum / self.classes as f32;
        unpacked(row[class]) - mean
    }

    fn row(&self, feature: usize) -> &[u16] {
        &self.rows[feature * self.classes..][..self.classes]
    }
}

/// Rounds to the nearest.
fn packed(weight: f32) -> u16 {
    let upper = weight.to_bits().saturating_add(0x8000) >> 16;
    u16::try_from(upper).expect("half of the bits are left")
}

fn unpacked(weight: u16) -> f32 {
    f32::from_bits(u32::from(weight) << 16)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_weight_keeps_three_digits(weight in -100.0_f32..100.0) {
            let kept = unpacked(packed(weight));
            prop_assert!((kept - weight).abs() <= weight.abs() / 256.0, "{weight} -> {kept}");
        }
    }
}
