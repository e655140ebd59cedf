//! The section `supervision` of `orchestrator.yaml`.

use std::collections::HashMap;

use super::Settings;
use super::keys::{seconds, set};
use crate::agents::{SUPERVISOR_KEYS, read_supervisor};
use crate::judgement::SupervisorConfig;
use crate::words::Reader;

const HOUSE_KEYS: &[&str] = &[
    "start_timeout",
    "shutdown_timeout",
    "stall_timeout",
    "max_leaked_threads",
    "groups",
];

pub(super) fn read(place: &Reader<'_>, settings: &mut Settings) {
    place.allow_only(&[SUPERVISOR_KEYS, HOUSE_KEYS].concat());
    let house = &mut settings.house;
    house.supervisor = read_supervisor(place, house.supervisor);
    set(&mut house.start_timeout, seconds(place, "start_timeout"));
    let shutdown = seconds(place, "shutdown_timeout");
    set(&mut house.shutdown_timeout, shutdown);
    set(&mut house.stall_timeout, seconds(place, "stall_timeout"));
    let most = place.member("max_leaked_threads");
    set(
        &mut house.max_leaked_threads,
        most.and_then(|it| it.count(0)),
    );
    if let Some(place) = place.member("groups") {
        house.groups = groups(&place, house.supervisor);
    }
}

fn groups(place: &Reader<'_>, common: SupervisorConfig) -> HashMap<String, SupervisorConfig> {
    let entries = place.entries().unwrap_or_default().into_iter();
    let groups = entries.map(|(name, place)| {
        place.allow_only(SUPERVISOR_KEYS);
        (name.to_owned(), read_supervisor(&place, common))
    });
    groups.collect()
}
