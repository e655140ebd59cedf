//! What the instances do: the only part of the world that is not the orchestrator's own, beside
//! the clock.

use std::time::Duration;

use agent_orchestrator::judgement::Outcome;

use super::{Event, Job, Nanos, World, nanos, seconds};
use crate::scenario::Fault;

impl World<'_> {
    pub(super) fn begin(&mut self, mut job: Job, at: Nanos) {
        let (instance, request) = (job.instance, self.requests[job.request]);
        self.servers[instance].running += 1;
        job.place.begin();
        job.begun = at;
        let others = self.servers[instance].running - 1;
        let slowness = (self.scenario.slowness)(instance, seconds(at));
        let mut span = request.work * slowness * (1.0 + self.scenario.batching * others as f64);
        if let Some((share, fault)) = (self.scenario.faults)(instance, seconds(at))
            && request.draws[job.attempt] < share
        {
            (span, job.outcome) = match fault {
                Fault::Fails(after) => (after, Outcome::Failure),
                Fault::Busy(pause) => {
                    let retry_after = Some(Duration::from_secs_f64(pause));
                    (0.01, Outcome::Busy { retry_after })
                }
            };
        }
        if request.at_fault {
            job.outcome = Outcome::UserError;
        }
        let end = self.instant(at + nanos(span)).min(job.deadline.instant());
        if end < self.instant(at + nanos(span)) {
            job.outcome = self.given_up(&job);
        }
        let end = end.duration_since(self.start).as_nanos() as Nanos;
        self.jobs.push(Some(job));
        self.schedule(end, Event::Done(self.jobs.len() - 1));
    }

    /// What it says of an instance that it did not come to the end of a job in time.
    fn given_up(&self, job: &Job) -> Outcome {
        let granted = job.deadline.remaining(self.instant(job.sent));
        let mailbox = &self.orchestrators[job.orchestrator].mailboxes[job.instance];
        let timeout = mailbox.capacity().timeout;
        Outcome::of_time_out(granted, timeout, mailbox.load().response_time())
    }

    /// The next job of a queue, as a mailbox gives it out; those that are too late are answered.
    fn next_job(&mut self, instance: usize, at: Nanos) -> Option<Job> {
        let now = self.instant(at);
        loop {
            let queue = &mut self.servers[instance].queue;
            let oldest = queue.front()?;
            let since = self.start + Duration::from_nanos(oldest.sent);
            let newest = self.policy.whole && oldest.deadline.is_half_spent(since, now);
            let job = if newest {
                queue.pop_back()
            } else {
                queue.pop_front()
            }?;
            if !job.deadline.remaining(now).is_zero() {
                return Some(job);
            }
            let Job {
                request,
                tried,
                orchestrator,
                attempt,
                ..
            } = job;
            self.fail(request, tried, orchestrator, attempt, false, at);
        }
    }

    pub(super) fn done(&mut self, number: usize, at: Nanos) {
        let Some(job) = self.jobs[number].take() else {
            return;
        };
        let (instance, now) = (job.instance, self.instant(at));
        self.servers[instance].running -= 1;
        drop(job.place);
        let service = Duration::from_nanos(at - job.begun);
        // Whoever knows nothing of user errors takes them for failures, on every instance.
        let outcome = match job.outcome {
            Outcome::UserError if !self.policy.whole => Outcome::Failure,
            outcome => outcome,
        };
        job.case.close(outcome, service, now, self.chance.f64());
        match outcome {
            Outcome::Success | Outcome::UserError => {
                let in_time = seconds(at) - self.requests[job.request].at <= self.scenario.deadline;
                self.run.wasted -= usize::from(in_time || outcome == Outcome::UserError);
                self.finish(job.request, true, at);
            }
            _ => {
                let mut tried = job.tried;
                tried.push(self.orchestrators[job.orchestrator].ids[instance].clone());
                self.fail(job.request, tried, job.orchestrator, job.attempt, true, at);
            }
        }
        let slots = (self.scenario.slots)(instance, 0.0);
        while self.servers[instance].running < slots
            && let Some(job) = self.next_job(instance, at)
        {
            self.begin(job, at);
        }
    }
}
