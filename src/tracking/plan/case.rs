//! One job and the entries of its snapshot's name: which of them can belong to which attempt.

use super::has_failed;
use crate::domain::JobId;
use crate::queue::{AttemptOutcome, EntryKey, Followed, FollowedAttempt, LedgerEntry};
use std::time::Duration;

/// The two lists of the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EntryKind {
    Operation,
    Record,
}

impl EntryKind {
    pub(super) fn is(self, entry: &LedgerEntry) -> bool {
        match &entry.sighting.key {
            EntryKey::Operation(_) => self == Self::Operation,
            EntryKey::Record(_) => self == Self::Record,
        }
    }
}

/// A job and all entries of its snapshot's name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Case<'a> {
    pub(super) job: &'a Followed,
    pub(super) entries: &'a [LedgerEntry],
}

impl<'a> Case<'a> {
    /// Whether an entry can be of the job's snapshot: names are reused after a delete.
    pub(super) fn same_snapshot(&self, entry: &LedgerEntry) -> bool {
        match (&entry.sighting.snapshot_arn, &self.job.source_arn) {
            (Some(entry), Some(job)) => entry == job,
            (None, _) | (_, None) => true,
        }
    }

    /// Whether an entry is known to be of the job's snapshot.
    pub(super) fn known_snapshot(&self, entry: &LedgerEntry) -> bool {
        entry.sighting.snapshot_arn.is_some() && entry.sighting.snapshot_arn == self.job.source_arn
    }

    /// The entry that the job names as the one that it follows.
    pub(super) fn followed(&self, kind: EntryKind) -> Option<&'a LedgerEntry> {
        self.entries.iter().find(|entry| match (kind, &entry.sighting.key) {
            (EntryKind::Operation, EntryKey::Operation(id)) => Some(id) == self.job.operation.as_ref(),
            (EntryKind::Record, EntryKey::Record(arn)) => Some(arn) == self.job.record.as_ref(),
            (EntryKind::Operation, EntryKey::Record(_)) | (EntryKind::Record, EntryKey::Operation(_)) => false,
        })
    }

    /// The entry that belongs to an attempt. An answer may have named several operations: the one that is followed comes
    /// first.
    pub(super) fn owned(&self, attempt: u32, kind: EntryKind) -> Option<&'a LedgerEntry> {
        let mine = |entry: &&LedgerEntry| entry.owner == Some((self.job.job, attempt)) && kind.is(entry);
        self.followed(kind).filter(mine).or_else(|| self.entries.iter().find(mine))
    }

    /// Entries without an owner that came after `baseline`, and that no person was done with, oldest first.
    pub(super) fn unowned(&self, baseline: i64, kind: EntryKind) -> Vec<&'a LedgerEntry> {
        in_order(self.entries.iter().filter(|entry| {
            entry.owner.is_none()
                && entry.id > baseline.max(self.job.ignored_through)
                && kind.is(entry)
                && self.same_snapshot(entry)
        }))
    }

    /// The last attempt.
    pub(super) fn last(&self) -> Option<&'a FollowedAttempt> {
        self.job.attempts.iter().find(|attempt| attempt.number == self.job.attempt)
    }

    /// The last entry that was known before the last attempt.
    pub(super) fn baseline(&self) -> i64 {
        self.last().map_or(0, |attempt| attempt.baseline)
    }

    /// Whether the owner of an entry is an attempt of this job that was proven absent.
    pub(super) fn is_absent(&self, (job, number): (JobId, u32)) -> bool {
        job == self.job.job
            && self.job.attempts.iter().any(|attempt| attempt.is(AttemptOutcome::Absent) && attempt.number == number)
    }

    /// Whether what is followed is beyond doubt: the answer named it, or the job follows another's on purpose.
    pub(super) fn is_certain(&self) -> bool {
        self.job.adopted
            || (self.job.operation.is_some() && self.last().is_some_and(|attempt| attempt.is(AttemptOutcome::Accepted)))
    }

    /// The attempts that may have had an effect and have no entry of that kind, in order.
    pub(super) fn unmatched_attempts(&self, kind: EntryKind) -> Vec<&'a FollowedAttempt> {
        self.job
            .attempts
            .iter()
            .filter(|attempt| {
                !attempt.is(AttemptOutcome::Refused)
                    && !self.is_ignored(attempt)
                    && self.owned(attempt.number, kind).is_none()
            })
            .collect()
    }

    /// Whether a person was done with whatever the attempt may have made.
    pub(super) fn is_ignored(&self, attempt: &FollowedAttempt) -> bool {
        attempt.baseline < self.job.ignored_through
    }

    /// Whether what belongs to an attempt has failed.
    pub(super) fn has_failed(&self, attempt: &FollowedAttempt) -> bool {
        [EntryKind::Operation, EntryKind::Record]
            .into_iter()
            .any(|kind| self.owned(attempt.number, kind).is_some_and(has_failed))
    }

    /// Whether an earlier attempt's operation failed, and its record is not visible yet.
    pub(super) fn has_failed_before(&self, attempt: &FollowedAttempt, kind: EntryKind) -> bool {
        attempt.number < self.job.attempt
            && kind == EntryKind::Record
            && self.owned(attempt.number, EntryKind::Operation).is_some_and(has_failed)
    }
}

/// Oldest first, by the service's clock, then as they were seen.
pub(super) fn in_order<'a>(entries: impl Iterator<Item = &'a LedgerEntry>) -> Vec<&'a LedgerEntry> {
    let mut entries: Vec<&LedgerEntry> = entries.collect();
    entries.sort_by_key(|entry| (entry.sighting.created_at, entry.id));
    entries
}

/// How far apart two entries began, both by the service's clock.
pub(super) fn apart(one: &LedgerEntry, other: &LedgerEntry) -> Option<Duration> {
    let (one, other) = (one.sighting.created_at?, other.sighting.created_at?);
    Some(one.since(other).max(other.since(one)))
}
