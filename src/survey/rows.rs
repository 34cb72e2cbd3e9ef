//! The outlook of a row, by the rules of the daemon's inventory: what is live or repeated makes no job, what has been
//! exported is adopted (where that is set), what is missing or broken fails. Pure.

use super::SeenExport;
use crate::domain::{Existing, Lane, SnapshotName, named};
use crate::lightsail::SnapshotState;

/// A row of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedRow {
    /// Its line, from 1.
    pub line: u64,
    /// Where its snapshot is.
    pub lane: Lane,
    /// Its snapshot.
    pub snapshot: SnapshotName,
    /// What is done about an export that there is.
    pub existing: Existing,
    /// Its priority.
    pub priority: i64,
}

named! {
    /// What would become of a row.
    pub enum Outlook {
        /// Its snapshot would be exported.
        Ready = "ready",
        /// The same, once it is no longer pending.
        Pending = "pending",
        /// An export that is done would be adopted.
        Exported = "already_exported",
        /// An export that is in progress would be adopted.
        UnderWay = "under_way",
        /// A job of its snapshot is live already.
        Live = "live",
        /// An earlier row has its snapshot.
        Repeated = "repeated",
        /// Its snapshot is in state error: it would fail.
        Broken = "in_error",
        /// There is no snapshot of that name: it would fail.
        Missing = "missing",
        /// Its lane could not be read.
        Unread = "unread",
    }
}

/// How many rows have each outlook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RowOutlooks([u64; 9]);

impl Outlook {
    /// Whether a call of `ExportSnapshot` would be made for it.
    pub fn is_export(self) -> bool {
        matches!(self, Self::Ready | Self::Pending)
    }

    /// Whether the row would fail.
    pub fn fails(self) -> bool {
        matches!(self, Self::Broken | Self::Missing)
    }

    /// What becomes of a row that would make a job. An export that is done stands for a snapshot that has broken since.
    pub(super) fn of_snapshot(found: Option<(&SnapshotState, &SeenExport)>, existing: Existing) -> Self {
        let Some((state, export)) = found else { return Self::Missing };
        match (existing, export) {
            (Existing::Adopt, SeenExport::Done { .. }) => return Self::Exported,
            (Existing::Adopt, SeenExport::UnderWay | SeenExport::Queued) => return Self::UnderWay,
            (Existing::Adopt, SeenExport::No) | (Existing::ExportAgain, _) => {}
        }
        match state {
            SnapshotState::Error => Self::Broken,
            SnapshotState::Pending => Self::Pending,
            // An unknown state holds nothing back: Lightsail decides.
            SnapshotState::Available | SnapshotState::Other(_) => Self::Ready,
        }
    }
}

impl RowOutlooks {
    pub(super) fn add(&mut self, outlook: Outlook) {
        if let Some(count) = self.0.get_mut(outlook as usize) {
            *count += 1;
        }
    }

    pub(super) fn plus(mut self, other: &Self) -> Self {
        for (count, more) in self.0.iter_mut().zip(other.0) {
            *count += more;
        }
        self
    }

    /// How many have it.
    pub fn of(&self, outlook: Outlook) -> u64 {
        self.0.get(outlook as usize).copied().unwrap_or_default()
    }

    /// All of them.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// Those for which a call would be made.
    pub fn exports(&self) -> u64 {
        self.of(Outlook::Ready) + self.of(Outlook::Pending)
    }

    /// Those that would fail.
    pub fn failing(&self) -> u64 {
        self.of(Outlook::Broken) + self.of(Outlook::Missing)
    }
}

impl FromIterator<Outlook> for RowOutlooks {
    fn from_iter<I: IntoIterator<Item = Outlook>>(outlooks: I) -> Self {
        let mut counts = Self::default();
        outlooks.into_iter().for_each(|outlook| counts.add(outlook));
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_export_that_stands_is_adopted_unless_another_is_asked_for() {
        let done = SeenExport::Done { destination: "ami-1".to_owned() };
        for (state, export, adopting, exporting_again) in [
            (SnapshotState::Available, SeenExport::No, Outlook::Ready, Outlook::Ready),
            (SnapshotState::Pending, SeenExport::No, Outlook::Pending, Outlook::Pending),
            (SnapshotState::Error, SeenExport::No, Outlook::Broken, Outlook::Broken),
            (SnapshotState::Other("odd".to_owned()), SeenExport::No, Outlook::Ready, Outlook::Ready),
            (SnapshotState::Available, done.clone(), Outlook::Exported, Outlook::Ready),
            (SnapshotState::Error, done, Outlook::Exported, Outlook::Broken),
            (SnapshotState::Available, SeenExport::UnderWay, Outlook::UnderWay, Outlook::Ready),
        ] {
            assert_eq!(
                Outlook::of_snapshot(Some((&state, &export)), Existing::Adopt),
                adopting,
                "{state:?} {export:?}"
            );
            let again = Outlook::of_snapshot(Some((&state, &export)), Existing::ExportAgain);
            assert_eq!(again, exporting_again, "{state:?} {export:?}");
        }
        assert_eq!(Outlook::of_snapshot(None, Existing::Adopt), Outlook::Missing);
    }

    #[test]
    fn each_outlook_is_counted_in_its_place() {
        let mut counts = RowOutlooks::default();
        for (at, outlook) in Outlook::ALL.into_iter().enumerate() {
            assert_eq!(outlook as usize, at);
            (0..=at).for_each(|_| counts.add(outlook));
        }
        assert_eq!((counts.of(Outlook::Ready), counts.of(Outlook::Unread), counts.total()), (1, 9, 45));
        assert_eq!((counts.exports(), counts.failing()), (3, 15));
    }
}
