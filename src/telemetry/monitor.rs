use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::{Actor, AsyncContext, Context};
use jiff::Timestamp;
use log::{info, warn};
use tokio::sync::broadcast::error::RecvError;

use super::rounds::{Finding, Rounds};
use crate::mailbox::{CheckHealth, Health, Mailbox};
use crate::store::{Journal, Store};
use crate::supervision::Registry;
use crate::words::LifeEvent;

/// No agent may think longer than this about how it is.
const PATIENCE: Duration = Duration::from_secs(5);

/// An agent's thread that has said nothing this long after the agent's time is blocked.
const GRACE: Duration = Duration::from_millis(500);

/// Who is unwell is asked this often, so as not to be spared for longer than needed.
const CONVALESCENCE: Duration = Duration::from_secs(5);

/// How often is looked at what was found by whoever asks the agents elsewhere.
const HEARSAY: Duration = Duration::from_secs(2);

/// Asks every instance how it is, and the store whether it is there, at a fixed interval. Agents
/// elsewhere are asked by one orchestrator for all that share the store.
pub(crate) struct HealthMonitor {
    interval: Duration,
    registry: Registry,
    journal: Journal,
    rounds: Rounds,
}

impl HealthMonitor {
    pub(crate) fn new(
        interval: Duration,
        registry: Registry,
        journal: Journal,
        store: Arc<dyn Store>,
    ) -> Self {
        Self {
            interval,
            registry,
            journal,
            rounds: Rounds::new(store, interval),
        }
    }

    fn look(&self) {
        self.ask_those(|_| true);
        let journal = self.journal.clone();
        actix_rt::spawn(async move {
            // What the store answers, the journal notes.
            let _ = journal.ping().await;
        });
    }

    fn ask_those(&self, wanted: impl Fn(&Mailbox) -> bool) {
        let patience = PATIENCE.min(self.interval);
        let (mut here, mut elsewhere) = (Vec::new(), Vec::new());
        for agent in self.registry.all() {
            let group = if agent.is_elsewhere() {
                &mut elsewhere
            } else {
                &mut here
            };
            let wanted = agent.instances.iter().filter(|mailbox| wanted(mailbox));
            group.extend(wanted.cloned());
        }
        for mailbox in here {
            actix_rt::spawn(check(mailbox, patience));
        }
        let rounds = self.rounds.clone();
        actix_rt::spawn(async move {
            if !elsewhere.is_empty() && rounds.are_ours().await {
                for mailbox in elsewhere {
                    actix_rt::spawn(check_for_all(mailbox, patience, rounds.clone()));
                }
            }
        });
    }

    /// Takes over what was found by whoever asks the agents elsewhere.
    fn hear(&self) {
        let (registry, rounds) = (self.registry.clone(), self.rounds.clone());
        actix_rt::spawn(async move {
            let findings: BTreeMap<_, _> = rounds.findings().await.into_iter().collect();
            let agents = registry.all();
            let elsewhere = agents.iter().filter(|agent| agent.is_elsewhere());
            for mailbox in elsewhere.flat_map(|agent| &agent.instances) {
                if let Some(finding) = findings.get(mailbox.instance().as_str()) {
                    take_over(mailbox, finding);
                }
            }
        });
    }

    /// Asks an instance as soon as a life of it has begun, unless the last one was well.
    fn greet_newcomers(&self) {
        let registry = self.registry.clone();
        let (patience, rounds) = (PATIENCE.min(self.interval), self.rounds.clone());
        let mut events = registry.events().subscribe();
        actix_rt::spawn(async move {
            loop {
                match events.recv().await {
                    Ok(LifeEvent::Started { instance, .. }) => {
                        let newcomer = registry.instance(&instance);
                        let unsure = |it: &Arc<Mailbox>| it.vitals().health != Health::Well;
                        if let Some(mailbox) = newcomer.filter(unsure) {
                            let elsewhere = registry.is_elsewhere(&instance);
                            actix_rt::spawn(greet(mailbox, patience, elsewhere, rounds.clone()));
                        }
                    }
                    // Whoever was missed is asked at the next look.
                    Ok(_) | Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return,
                }
            }
        });
    }
}

impl Actor for HealthMonitor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.greet_newcomers();
        self.look();
        ctx.run_interval(self.interval, |monitor, _| monitor.look());
        if self.rounds.are_shared() {
            ctx.run_interval(HEARSAY.min(self.interval), |monitor, _| monitor.hear());
        }
        if self.interval > CONVALESCENCE {
            ctx.run_interval(CONVALESCENCE, |monitor, _| {
                monitor.ask_those(Mailbox::is_unwell);
            });
        }
    }
}

/// Asks an instance whose life has just begun.
async fn greet(mailbox: Arc<Mailbox>, patience: Duration, elsewhere: bool, rounds: Rounds) {
    if !elsewhere {
        check(mailbox, patience).await;
    } else if rounds.are_ours().await {
        check_for_all(mailbox, patience, rounds).await;
    }
}

/// Asks an instance elsewhere, and tells the others.
async fn check_for_all(mailbox: Arc<Mailbox>, patience: Duration, rounds: Rounds) {
    check(Arc::clone(&mailbox), patience).await;
    rounds.report(&mailbox).await;
}

/// Believes what somebody else has found, if it is newer than what is known.
fn take_over(mailbox: &Mailbox, finding: &Finding) {
    let mut vitals = mailbox.vitals_mut();
    if vitals
        .checked_at
        .is_some_and(|known| known >= finding.checked_at)
    {
        return;
    }
    let health = match &finding.unwell {
        Some(reason) => Health::Unwell(reason.clone()),
        None => Health::Well,
    };
    let before = std::mem::replace(&mut vitals.health, health.clone());
    if let Health::Unwell(reason) = &health {
        vitals.last_error = Some(reason.clone());
    }
    vitals.checked_at = Some(finding.checked_at);
    vitals.check_took = Some(Duration::from_secs_f64(finding.took_ms.max(0.0) / 1000.0));
    drop(vitals);
    if before != health {
        tell(mailbox, &before, &health);
    }
}

/// Asks one instance. One that is between two lives is left alone, as its state says enough, and
/// so is one that may block its thread and is at work.
async fn check(mailbox: Arc<Mailbox>, patience: Duration) {
    let Some(door) = mailbox.door() else {
        return;
    };
    let may_be_blocked = || mailbox.capacity().blocking && mailbox.load().taken() > 0;
    if may_be_blocked() {
        return;
    }
    let began = Instant::now();
    let longest = patience + GRACE;
    let asked = door.check.send(CheckHealth(patience));
    let health = match tokio::time::timeout(longest, asked).await {
        Ok(Ok(Ok(()))) => Health::Well,
        Ok(Ok(Err(reason))) => Health::Unwell(reason),
        Ok(Err(_ended)) => return,
        Err(_elapsed) if may_be_blocked() => return,
        Err(_elapsed) => Health::Unwell(format!("its thread is blocked: no answer in {longest:?}")),
    };
    let mut vitals = mailbox.vitals_mut();
    let before = std::mem::replace(&mut vitals.health, health.clone());
    if let Health::Unwell(reason) = &health {
        vitals.last_error = Some(reason.clone());
    }
    vitals.checked_at = Some(Timestamp::now());
    vitals.check_took = Some(began.elapsed());
    drop(vitals);
    if before != health {
        tell(&mailbox, &before, &health);
    }
}

fn tell(mailbox: &Mailbox, before: &Health, now: &Health) {
    match (before, now) {
        (_, Health::Unwell(reason)) => warn!("agent {} is unwell: {reason}", mailbox.instance()),
        (Health::Unwell(_), _) => info!("agent {} is well again", mailbox.instance()),
        _ => {}
    }
}
