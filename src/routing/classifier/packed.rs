use super::sparse::Sparse;

/// Weights for judging: each in two bytes, the upper half of an `f32` (bfloat16), since what takes
/// time is to fetch them; and rows of whole blocks, since they are added block by block.
#[derive(Debug)]
pub(super) struct Packed {
    width: usize,
    rows: Vec<[u16; BLOCK]>,
}

const BLOCK: usize = 8;

/// Sums, one for each class; as long as the rows that are added to them.
#[derive(Debug, Clone, Default)]
pub(super) struct Sums(Vec<[f32; BLOCK]>);

impl Packed {
    /// Of rows of so many weights.
    pub fn new(rows: &[f32], classes: usize) -> Self {
        let mut packed = Self::empty(classes);
        for row in rows.chunks_exact(classes) {
            packed.push(row);
        }
        packed
    }

    /// Without a row.
    pub fn empty(classes: usize) -> Self {
        Self {
            width: classes.div_ceil(BLOCK),
            rows: Vec::new(),
        }
    }

    pub fn push(&mut self, row: &[f32]) {
        let blocks = row.chunks(BLOCK).map(|weights| {
            let mut block = [0; BLOCK];
            for (place, weight) in block.iter_mut().zip(weights) {
                *place = packed(*weight);
            }
            block
        });
        self.rows.extend(blocks);
    }

    /// Adds a row, times `factor`.
    pub fn add(&self, row: usize, factor: f32, sums: &mut Sums) {
        for (sums, weights) in sums.0.iter_mut().zip(self.row(row)) {
            add_block(sums, factor, weights);
        }
    }

    /// Adds the rows from `first` on, each times its factor.
    pub fn add_all(&self, first: usize, factors: &[f32], sums: &mut Sums) {
        let rows = &self.rows[first * self.width..][..factors.len() * self.width];
        for (place, sums) in sums.0.iter_mut().enumerate() {
            let blocks = rows[place..].iter().step_by(self.width);
            for (factor, weights) in factors.iter().zip(blocks) {
                add_block(sums, *factor, weights);
            }
        }
    }

    /// Adds what the features say of each class.
    pub fn score(&self, features: &Sparse, sums: &mut Sums) {
        for (feature, value) in features.iter() {
            self.add(feature, value, sums);
        }
    }

    pub fn weight(&self, row: usize, class: usize) -> f32 {
        unpacked(self.row(row)[class / BLOCK][class % BLOCK])
    }

    fn row(&self, row: usize) -> &[[u16; BLOCK]] {
        &self.rows[row * self.width..][..self.width]
    }
}

impl Sums {
    /// Sets all of so many classes to zero.
    pub fn clear(&mut self, classes: usize) {
        self.0.clear();
        self.0.resize(classes.div_ceil(BLOCK), [0.0; BLOCK]);
    }

    /// Adds others, times `factor`.
    pub fn add(&mut self, others: &Self, factor: f32) {
        for (sums, others) in self.0.iter_mut().zip(&others.0) {
            for (sum, other) in sums.iter_mut().zip(others) {
                *sum += factor * other;
            }
        }
    }

    /// The sums, and beyond those of the classes zeros.
    pub fn as_slice(&self) -> &[f32] {
        self.0.as_flattened()
    }

    pub fn as_mut_slice(&mut self) -> &mut [f32] {
        self.0.as_flattened_mut()
    }
}

fn add_block(sums: &mut [f32; BLOCK], factor: f32, weights: &[u16; BLOCK]) {
    for (sum, weight) in sums.iter_mut().zip(weights) {
        *sum += factor * unpacked(*weight);
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
