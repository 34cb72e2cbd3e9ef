//! Ages by the monotonic clock. A stored time of day is trusted once, when a thing is first seen; from then on this run counts
//! itself, so that setting the clock ages nothing.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

/// The ages of what was seen in this run.
#[derive(Debug)]
pub struct MonotonicAges<K>(HashMap<K, FirstSeen>);

#[derive(Debug, Clone, Copy)]
struct FirstSeen {
    at: Duration,
    age: Duration,
    asked_at: Duration,
}

impl<K: Eq + Hash> MonotonicAges<K> {
    /// Its age at `elapsed`; `stored` is its age by what is stored.
    pub fn age(&mut self, key: K, stored: Duration, elapsed: Duration) -> Duration {
        let seen = self.0.entry(key).or_insert(FirstSeen { at: elapsed, age: stored, asked_at: elapsed });
        seen.asked_at = elapsed;
        seen.age.saturating_add(elapsed.saturating_sub(seen.at))
    }

    /// Forgets one: it is first seen anew.
    pub fn forget(&mut self, key: &K) {
        self.0.remove(key);
    }

    /// Forgets those that were not asked for in `span`.
    pub fn forget_unasked(&mut self, span: Duration, elapsed: Duration) {
        self.0.retain(|_, seen| elapsed.saturating_sub(seen.asked_at) < span);
    }

    /// Forgets all others.
    pub fn retain(&mut self, mut keep: impl FnMut(&K) -> bool) {
        self.0.retain(|key, _| keep(key));
    }
}

impl<K> Default for MonotonicAges<K> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_age_is_trusted_once() {
        let secs = Duration::from_secs;
        let mut ages = MonotonicAges::default();
        assert_eq!(ages.age(1, secs(60), secs(5)), secs(60));
        // The time of day has jumped by a day.
        assert_eq!(ages.age(1, secs(86_400), secs(7)), secs(62));
        ages.retain(|key| *key == 1);
        assert_eq!(ages.age(1, secs(86_400), secs(8)), secs(63));
        ages.forget(&1);
        assert_eq!(ages.age(1, secs(1), secs(9)), secs(1));
        ages.age(2, secs(0), secs(3));
        ages.age(2, secs(0), secs(11));
        ages.forget_unasked(secs(2), secs(12));
        assert!(!ages.0.contains_key(&1) && ages.0.contains_key(&2), "1 was last asked for three seconds ago");
        ages.retain(|_| false);
        assert!(ages.0.is_empty());
    }
}
