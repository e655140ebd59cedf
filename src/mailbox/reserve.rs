//! Who is let in, and why others are not.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Case, Claim, Envelope, Lease, Mailbox, Refusal};
use crate::judgement::{Permit, Place};

/// As many are looked at for callers who have gone, so that to refuse a call stays cheap.
const SIFTED: usize = 256;

impl Mailbox {
    /// Takes a place and the breaker's leave in one step, or says why not.
    ///
    /// # Errors
    /// A [`Refusal`]; nothing is held then.
    pub fn reserve(self: &Arc<Self>, claim: Claim, now: Instant) -> Result<Lease, Refusal> {
        let place = self.place(self.capacity.most(&self.load, claim), now)?;
        let others = self.load.taken().saturating_sub(1);
        if let Some(too_late) = self.capacity.is_too_late(&self.load, others, claim, now) {
            return Err(too_late);
        }
        let permit = self.breaker.admit(now)?;
        Ok(self.lease(claim, place, permit, now))
    }

    /// The same without the breaker's leave, for an emergency: when so many siblings are thought
    /// broken that the others could not do the work. It is given little more than it can do at
    /// once.
    ///
    /// # Errors
    /// A [`Refusal`]; nothing is held then.
    pub fn reserve_regardless(
        self: &Arc<Self>,
        claim: Claim,
        now: Instant,
    ) -> Result<Lease, Refusal> {
        let place = self.place(self.capacity.most_in_an_emergency(&self.load), now)?;
        let permit = self.breaker.admit_regardless();
        Ok(self.lease(claim, place, permit, now))
    }

    /// Why [`reserve`](Self::reserve) would refuse a call now; `None` when it would not.
    #[must_use]
    pub fn refusal(&self, claim: Claim, now: Instant) -> Option<Refusal> {
        if !self.gate.is_open() {
            return Some(self.shut(now));
        }
        if let Some(open) = self.breaker.obstacle(now) {
            return Some(open.into());
        }
        let Self { capacity, load, .. } = self;
        if load.taken() >= capacity.most(load, claim) {
            self.sift();
        }
        let others = load.taken();
        if others >= capacity.most(load, claim) {
            return Some(self.full(now));
        }
        capacity.is_too_late(load, others, claim, now)
    }

    fn place(self: &Arc<Self>, most: usize, now: Instant) -> Result<Place, Refusal> {
        let place = self.load.reserve(most, now).or_else(|| {
            self.sift();
            self.load.reserve(most, now)
        });
        // Looked at after the place was taken: whoever is let in, those who empty it wait for.
        if !self.gate.is_open() {
            return Err(self.shut(now));
        }
        place.ok_or_else(|| self.full(now))
    }

    /// Takes out whoever has gone, and makes room.
    fn sift(&self) {
        drop(self.inbox.sift(SIFTED, Envelope::is_abandoned));
    }

    fn lease(self: &Arc<Self>, claim: Claim, place: Place, permit: Permit, now: Instant) -> Lease {
        let case = Case::new(Arc::clone(self), permit, now);
        Lease::new(case, place, claim)
    }

    fn shut(&self, now: Instant) -> Refusal {
        if self.gate.is_closed() {
            Refusal::Stopped {
                retry_after: self.pause(now),
            }
        } else {
            Refusal::Paused
        }
    }

    /// An honest time to come back: when what waits has been begun, within half a minute, after
    /// the pause before the next life.
    fn full(&self, now: Instant) -> Refusal {
        let wait = self.capacity.wait(&self.load, self.load.taken());
        let wait = wait.clamp(Duration::from_secs(1), Duration::from_secs(30));
        Refusal::Full {
            retry_after: wait + self.pause(now).unwrap_or_default(),
        }
    }

    /// The time until the next life, if one is planned.
    fn pause(&self, now: Instant) -> Option<Duration> {
        let resumes_at = self.vitals_mut().resumes_at?;
        Some(resumes_at.saturating_duration_since(now))
    }
}
