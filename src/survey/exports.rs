//! Which snapshots have been exported, by the export records of a lane. A record counts for the snapshot of its ARN and
//! no other: names are reused after a delete.

use crate::domain::{EntryStatus, SnapshotArn, Timestamp};
use crate::lightsail::ExportRecord;
use std::collections::HashMap;

/// What the records of a lane tell of its snapshots.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exports {
    by_arn: HashMap<SnapshotArn, KnownExports>,
}

/// What the records tell of one snapshot: the newest export that is done, and whether one is under way.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct KnownExports {
    pub(super) done: Option<String>,
    done_at: Option<Timestamp>,
    pub(super) under_way: bool,
}

impl Exports {
    /// Takes a record in.
    pub fn add(&mut self, record: &ExportRecord) {
        let Some(arn) = &record.source_arn else { return };
        match (&record.state, &record.destination) {
            (EntryStatus::Failed, _) => {}
            (EntryStatus::Succeeded, Some(destination)) => {
                let told = self.by_arn.entry(arn.clone()).or_default();
                if told.done.is_none() || told.done_at <= record.created_at {
                    (told.done, told.done_at) = (Some(destination.id.clone()), record.created_at);
                }
            }
            // One that is said to be done and shows no id is not at its end yet.
            (EntryStatus::UnderWay | EntryStatus::Succeeded, _) => {
                self.by_arn.entry(arn.clone()).or_default().under_way = true;
            }
        }
    }

    /// What they tell of a snapshot.
    pub(super) fn of(&self, arn: Option<&SnapshotArn>) -> Option<&KnownExports> {
        self.by_arn.get(arn?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Destination;
    use crate::domain::RecordArn;

    fn record(of: &str, state: EntryStatus, at: i64, id: Option<&str>) -> ExportRecord {
        ExportRecord {
            arn: RecordArn::new(format!("{of}-{at}")),
            name: None,
            created_at: Some(Timestamp(at)),
            state,
            source_name: Some("web-1".to_owned()),
            source_arn: (!of.is_empty()).then(|| SnapshotArn::new(of)),
            destination: id.map(|id| Destination { service: String::new(), id: id.to_owned() }),
            account: None,
        }
    }

    #[test]
    fn a_record_counts_for_its_own_snapshot_alone_and_the_newest_that_is_done_counts() {
        let mut exports = Exports::default();
        for one in [
            record("a", EntryStatus::Succeeded, 5, Some("ami-5")),
            record("a", EntryStatus::Succeeded, 3, Some("ami-3")),
            record("a", EntryStatus::Failed, 9, None),
            record("b", EntryStatus::Failed, 1, None),
            record("c", EntryStatus::UnderWay, 1, None),
            record("d", EntryStatus::Succeeded, 1, None),
            record("", EntryStatus::Succeeded, 1, Some("ami-1")),
        ] {
            exports.add(&one);
        }
        let of =
            |arn: &str| exports.of(Some(&SnapshotArn::new(arn))).map(|told| (told.done.as_deref(), told.under_way));
        assert_eq!(of("a"), Some((Some("ami-5"), false)));
        assert_eq!(of("b"), None);
        assert_eq!(of("c"), Some((None, true)));
        assert_eq!(of("d"), Some((None, true)), "without an id it is not at its end");
        assert_eq!(exports.of(None), None);
    }
}
