use std::time::Duration;

use super::breaker::{Bar, BreakerOpen};
use super::circuit::{Barred, Circuit};
use super::epoch::Epoch;
use super::{BreakerState, Forced};

/// What a circuit says, in a word. The lowest bits are its state; the others say, of one that lets
/// everybody through, in which epoch it is, and of any other until when it lets nobody through. 60
/// bits of nanoseconds are thirty-six years.
#[derive(Clone, Copy, PartialEq)]
pub(super) struct Notice(u64);

const STATE: u64 = 0b11;
const CLEAR: u64 = 0b11;
const FORCED: u64 = 0b100;
const COOLING: u64 = 0b1000;
const SPAN: u32 = 4;

impl Notice {
    pub(super) fn of_word(word: u64) -> Self {
        Self(word)
    }

    pub(super) fn word(self) -> u64 {
        self.0
    }

    pub(super) fn of(circuit: &Circuit, born: Epoch) -> Self {
        if circuit.is_clear() {
            return Self(circuit.epoch() << SPAN | CLEAR);
        }
        let until = match circuit.barred() {
            Barred::Never => 0,
            Barred::Until(until) => born.nanos(until).min(u64::MAX >> SPAN),
            Barred::ForEver => u64::MAX >> SPAN,
        };
        let state = match circuit.state() {
            BreakerState::Closed => 0,
            BreakerState::Open => 1,
            BreakerState::HalfOpen => 2,
        };
        let forced = circuit.forced().map_or(0, |_| FORCED);
        let cooling = if circuit.is_cooling() { COOLING } else { 0 };
        Self(until << SPAN | cooling | forced | state)
    }

    /// The epoch of a circuit that lets everybody through.
    pub(super) fn clear(self) -> Option<u64> {
        (self.0 & STATE == CLEAR).then_some(self.0 >> SPAN)
    }

    /// Until when nobody is let through, 0 where everybody is.
    pub(super) fn until(self) -> u64 {
        self.clear().map_or(self.0 >> SPAN, |_| 0)
    }

    pub(super) fn state(self) -> BreakerState {
        match self.0 & STATE {
            0 | CLEAR => BreakerState::Closed,
            1 => BreakerState::Open,
            _ => BreakerState::HalfOpen,
        }
    }

    /// Why nobody is let through so many nanoseconds after its birth.
    pub(super) fn obstacle(self, now: u64) -> Option<BreakerOpen> {
        let left = self.until().checked_sub(now).filter(|left| *left > 0)?;
        let (retry_after, reason) = match self.state() {
            _ if self.0 & FORCED != 0 => (Duration::from_secs(30), Bar::Operator),
            _ if self.0 & COOLING != 0 => (Duration::from_nanos(left), Bar::Cooling),
            BreakerState::Closed | BreakerState::Open => {
                (Duration::from_nanos(left), Bar::Failures)
            }
            // The probe may be back at any moment.
            BreakerState::HalfOpen => (
                Duration::from_nanos(left).min(Duration::from_secs(1)),
                Bar::Failures,
            ),
        };
        Some(BreakerOpen {
            retry_after,
            reason,
        })
    }

    /// What an operator has decided.
    pub(super) fn forced(self) -> Option<Forced> {
        (self.0 & FORCED != 0).then(|| match self.state() {
            BreakerState::Open => Forced::Open,
            BreakerState::Closed | BreakerState::HalfOpen => Forced::Closed,
        })
    }
}
