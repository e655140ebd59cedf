/// What a sequence does when this agent could not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnFailure {
    /// It ends there.
    #[default]
    Stop,
    /// The next agent works with what there is.
    Continue,
}

impl OnFailure {
    /// All of them, by the names that configuration and requests know them by.
    pub const NAMES: &[(&str, Self)] = &[("stop", Self::Stop), ("continue", Self::Continue)];
}
