/// A vector of which only what is not zero is kept.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Sparse(Vec<(u32, f32)>);

impl Sparse {
    pub fn push(&mut self, feature: usize, value: f32) {
        let feature = u32::try_from(feature).expect("features are fewer than 2^32");
        self.0.push((feature, value));
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }

    pub fn iter(&self) -> impl Iterator<Item = (usize, f32)> + '_ {
        let entries = self.0.iter();
        entries.map(|(feature, value)| (*feature as usize, *value))
    }

    pub fn square_norm(&self) -> f32 {
        self.iter().map(|(_, value)| value * value).sum()
    }
}
