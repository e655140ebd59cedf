//! Agents elsewhere that are registered at run time: with all orchestrators that share the state, until
//! they are removed, whatever is restarted meanwhile.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use tokio::sync::Mutex;

use super::news::News;
use super::tenure::Tenure;
use super::{ErrorType, Orchestrator, Problem};
use crate::store::{self, StateKey, StoreError};
use crate::supervision::{Origin, Registered};
use crate::words::to_json;

/// They are kept until they are removed.
const KEPT: Duration = Duration::from_secs(10 * 365 * 86_400);
/// A field that tells a list from which all were removed from one that was lost.
const MARK: &str = "";
/// How often the list is looked at when nobody says that it has changed.
const GLANCE: Duration = Duration::from_secs(5);
/// How long somebody waits for others who change the list.
const PATIENCE: Duration = Duration::from_secs(5);

/// The entries that this orchestrator follows, by name. Whoever changes them holds the lock.
#[derive(Default)]
pub(crate) struct Recruits(Mutex<BTreeMap<String, Bytes>>);

impl Orchestrator {
    /// Registers the agent that an entry of `agents.yaml` describes, with all orchestrators.
    ///
    /// # Errors
    /// `ValidationError` for what is no entry of an agent elsewhere, `StateUnavailable`, and as
    /// [`register`](Self::register).
    pub(crate) async fn recruit(&self, entry: &Value) -> Result<Arc<Registered>, Problem> {
        let house = self.house();
        let spec = (house.recruiter)(entry).map_err(Problem::invalid)?;
        let name = spec.name().to_owned();
        let mut recruits = house.recruits.0.lock().await;
        let _alone = self.change_list().await?;
        let listed = house.store.fields(StateKey::Recruits.to_string()).await;
        let listed = listed.map_err(|error| Problem::no_state(&error))?;
        if listed.iter().any(|(known, _)| *known == name) && !recruits.contains_key(&name) {
            let detail = format!("an agent `{name}` was registered with another orchestrator");
            return Err(Problem::new(ErrorType::AgentNameTaken, detail));
        }
        let registered = self.register(spec).await?;
        let entry = to_json(entry);
        // All that are known, in case the store has lost them.
        let known = recruits.clone().into_iter();
        let this = [
            (name.clone(), entry.clone()),
            (MARK.to_owned(), Bytes::new()),
        ];
        if let Err(error) = self.write_list(known.chain(this)).await {
            self.remove(&name).await?;
            return Err(Problem::no_state(&error));
        }
        recruits.insert(name, entry);
        self.tell_others(&News::Crew).await;
        Ok(registered)
    }

    /// Removes an agent that was registered at run time, from all orchestrators. Whoever it has accepted
    /// is still answered.
    ///
    /// # Errors
    /// `StateUnavailable`, and as [`remove`](Self::remove).
    pub(crate) async fn dismiss(&self, name: &str) -> Result<(), Problem> {
        let house = self.house();
        let mut recruits = house.recruits.0.lock().await;
        let removable = self.agent(name)?.origin == Origin::RunTime;
        if removable && recruits.contains_key(name) {
            let _alone = self.change_list().await?;
            let list = StateKey::Recruits.to_string();
            let removed = house.store.remove(list, Some(name.to_owned())).await;
            removed.map_err(|error| Problem::no_state(&error))?;
            recruits.remove(name);
        }
        self.remove(name).await?;
        self.tell_others(&News::Crew).await;
        Ok(())
    }

    /// Does as the list says again and again, for ever.
    pub(crate) async fn follow_crew(self) {
        loop {
            // The journal says when the store is away.
            let _ = self.follow_list().await;
            let changed = self.house().crew_bell.notified();
            let _ = tokio::time::timeout(GLANCE, changed).await;
        }
    }

    /// Registers the agents that are on the list, and removes those that are no more.
    ///
    /// # Errors
    /// When the list cannot be read.
    pub(crate) async fn follow_list(&self) -> Result<(), StoreError> {
        let house = self.house();
        let mut recruits = house.recruits.0.lock().await;
        let listed = house.store.fields(StateKey::Recruits.to_string()).await?;
        let mut listed: BTreeMap<String, Bytes> = listed.into_iter().collect();
        if listed.remove(MARK).is_none() && !recruits.is_empty() {
            // The store has lost it. What each of us knows of it is all of it.
            let known = recruits.clone().into_iter();
            return self
                .write_list(known.chain([(MARK.to_owned(), Bytes::new())]))
                .await;
        }
        let outdated = |(name, entry): &(&String, &Bytes)| listed.get(*name) != Some(*entry);
        let outdated = recruits.iter().filter(outdated);
        let outdated: Vec<String> = outdated.map(|(name, _)| name.clone()).collect();
        for name in outdated {
            recruits.remove(&name);
            if let Err(problem) = self.remove(&name).await {
                log::warn!("agent `{name}` was removed elsewhere, and stays here: {problem}");
            }
        }
        for (name, entry) in listed {
            if let Entry::Vacant(place) = recruits.entry(name) {
                self.take_in(place.key(), &entry).await;
                place.insert(entry);
            }
        }
        Ok(())
    }

    /// Registers an agent that is on the list.
    async fn take_in(&self, name: &str, entry: &[u8]) {
        let spec = serde_json::from_slice::<Value>(entry).ok();
        let spec = spec.and_then(|entry| (self.house().recruiter)(&entry).ok());
        let registered = match spec {
            Some(spec) => self.register(spec).await.map(drop),
            None => Err(Problem::new(
                ErrorType::ValidationError,
                "its entry cannot be read",
            )),
        };
        if let Err(problem) = registered {
            log::warn!("agent `{name}` was registered elsewhere, and cannot be here: {problem}");
        }
    }

    /// Keeps others from changing the list as long as what this returns lives.
    async fn change_list(&self) -> Result<Tenure, Problem> {
        let house = self.house();
        let until = tokio::time::Instant::now() + PATIENCE;
        loop {
            let begun = Tenure::begin(&house.store, &StateKey::Recruits, house.config.lease).await;
            match begun.map_err(|error| Problem::no_state(&error))? {
                Ok(tenure) => return Ok(tenure),
                Err(_held) if tokio::time::Instant::now() < until => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                Err(_held) => {
                    let detail = "another orchestrator registers an agent just now; try again";
                    let problem = Problem::new(ErrorType::StateUnavailable, detail);
                    return Err(problem.retry_after(Duration::from_secs(1)));
                }
            }
        }
    }

    async fn write_list(
        &self,
        entries: impl IntoIterator<Item = (String, Bytes)>,
    ) -> Result<(), StoreError> {
        let list = StateKey::Recruits.to_string();
        let fields = entries.into_iter();
        let fields =
            fields.map(|(name, entry)| store::Entry::field(list.clone(), name, entry, KEPT));
        self.house().store.write(fields.collect()).await
    }
}
