//! Counts of jobs by state.

use crate::domain::JobState;
use serde::{Deserialize, Serialize, Serializer};
use std::collections::BTreeMap;

/// How many of something there are in each state.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(transparent)]
pub struct StateCounts(BTreeMap<JobState, u64>);

impl StateCounts {
    /// How many are in `state`.
    pub fn of(&self, state: JobState) -> u64 {
        self.0.get(&state).copied().unwrap_or(0)
    }

    /// How many there are.
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// How many have not ended.
    pub fn live(&self) -> u64 {
        self.0.iter().filter(|(state, _)| state.is_live()).map(|(_, count)| count).sum()
    }

    /// Every state with its count, in the order of [`JobState::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = (JobState, u64)> + '_ {
        JobState::ALL.into_iter().map(|state| (state, self.of(state)))
    }

    /// Counts more of them.
    pub fn add(&mut self, state: JobState, count: u64) {
        *self.0.entry(state).or_default() += count;
    }

    /// Both together.
    pub fn plus(&self, other: &Self) -> Self {
        let mut sum = self.clone();
        for (state, count) in &other.0 {
            sum.add(*state, *count);
        }
        sum
    }
}

/// An object with a number for each state, those with none included.
impl Serialize for StateCounts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl FromIterator<(JobState, u64)> for StateCounts {
    fn from_iter<I: IntoIterator<Item = (JobState, u64)>>(counts: I) -> Self {
        let mut all = Self::default();
        for (state, count) in counts {
            all.add(state, count);
        }
        all
    }
}
