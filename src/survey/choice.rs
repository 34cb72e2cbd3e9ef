//! Which of the snapshots that were found are wanted. Pure.

use super::{FoundSnapshot, SeenExport};
use crate::domain::Timestamp;
use crate::lightsail::{SnapshotKind, SnapshotState};
use glob::Pattern;
use std::collections::HashMap;
use std::time::Duration;

/// Which snapshots are wanted: those that fit every condition. Empty means all that can be exported.
#[derive(Debug, Clone, Default)]
pub struct Choice {
    /// At least as old; one of unknown age fits no age.
    pub older_than: Option<Duration>,
    /// Younger than this.
    pub newer_than: Option<Duration>,
    /// With all of these tags.
    pub tags: Vec<TagWanted>,
    /// With a name that fits one of them.
    pub names: Vec<Pattern>,
    /// Made of an instance or disk whose name fits one of them.
    pub sources: Vec<Pattern>,
    /// Of this kind.
    pub kind: Option<SnapshotKind>,
    /// The newest so many of each source, of those that the conditions above leave; none of 0.
    pub newest: Option<usize>,
    /// Not exported, not under way, and not in the queue. It comes last: what `newest` leaves out stays out.
    pub not_exported: bool,
}

/// A tag that a snapshot has to have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagWanted {
    /// Its key.
    pub key: String,
    /// Its value; any where none is given.
    pub value: Option<String>,
}

/// What was chosen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChosenSnapshots {
    /// The snapshots, in the order in which they were found.
    pub found: Vec<FoundSnapshot>,
    /// How many others fit and are in state error, so that they cannot be exported.
    pub broken: u64,
}

impl TagWanted {
    /// Reads `KEY` or `KEY=VALUE`; nothing where the key is empty.
    pub fn parse(text: &str) -> Option<Self> {
        let (key, value) = match text.split_once('=') {
            Some((key, value)) => (key, Some(value.to_owned())),
            None => (text, None),
        };
        (!key.is_empty()).then(|| Self { key: key.to_owned(), value })
    }

    fn fits(&self, tags: &[(String, String)]) -> bool {
        tags.iter().any(|(key, value)| *key == self.key && self.value.as_ref().is_none_or(|wanted| wanted == value))
    }
}

impl Choice {
    /// Chooses among a lane's snapshots.
    pub fn choose(&self, found: Vec<FoundSnapshot>, now: Timestamp) -> ChosenSnapshots {
        let mut fitting: Vec<FoundSnapshot> = found.into_iter().filter(|one| self.fits(one, now)).collect();
        let before = fitting.len();
        // A broken one is no newest one: it would hide the last that can be exported.
        fitting.retain(|one| one.snapshot.state != SnapshotState::Error);
        let broken = u64::try_from(before - fitting.len()).unwrap_or(u64::MAX);
        if let Some(newest) = self.newest {
            fitting = newest_of_each(fitting, newest);
        }
        fitting.retain(|one| !self.not_exported || one.export == SeenExport::No);
        ChosenSnapshots { found: fitting, broken }
    }

    fn fits(&self, found: &FoundSnapshot, now: Timestamp) -> bool {
        let snapshot = &found.snapshot;
        let any = |patterns: &[Pattern], text: Option<&str>| {
            patterns.is_empty() || text.is_some_and(|text| patterns.iter().any(|pattern| pattern.matches(text)))
        };
        let age = snapshot.created_at.map(|at| now.since(at));
        self.older_than.is_none_or(|least| age.is_some_and(|age| age >= least))
            && self.newer_than.is_none_or(|most| age.is_some_and(|age| age < most))
            && self.tags.iter().all(|tag| tag.fits(&snapshot.tags))
            && any(&self.names, Some(&snapshot.name))
            && any(&self.sources, snapshot.source.as_deref())
            && self.kind.is_none_or(|kind| kind == snapshot.kind)
    }
}

/// The newest of each source; one whose source is not known is the only one of its own. Of two of one moment the name
/// decides.
fn newest_of_each(found: Vec<FoundSnapshot>, newest: usize) -> Vec<FoundSnapshot> {
    let mut by_age: Vec<usize> = (0..found.len()).collect();
    by_age.sort_by_key(|place| {
        found.get(*place).map(|one| (std::cmp::Reverse(one.snapshot.created_at), one.snapshot.name.as_str()))
    });
    let mut counts = HashMap::<(SnapshotKind, &str), usize>::new();
    let mut keep = vec![false; found.len()];
    for place in by_age {
        let (Some(one), Some(kept)) = (found.get(place), keep.get_mut(place)) else { continue };
        let Some(source) = one.snapshot.source.as_deref() else {
            *kept = newest > 0;
            continue;
        };
        let count = counts.entry((one.snapshot.kind, source)).or_default();
        *kept = *count < newest;
        *count += 1;
    }
    found.into_iter().zip(keep).filter(|(_, kept)| *kept).map(|(one, _)| one).collect()
}

#[cfg(test)]
#[path = "choice_tests.rs"]
mod tests;
