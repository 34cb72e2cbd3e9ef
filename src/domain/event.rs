//! What happens to a job: the events that `apply` takes, and their names in the history.

use crate::domain::{ExportRef, Failure, Timestamp, named};

/// The events with what each carries, and their kinds, which have no more than a name.
macro_rules! events {
    ($($(#[$what:meta])* $member:ident $(($($carried:ty),+))? = $name:literal,)+) => {
        /// What happens to a job.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Event {
            $($(#[$what])* $member $(($($carried),+))?,)+
        }

        named! {
            /// The kind of an [`Event`].
            pub enum EventKind {
                $($(#[$what])* $member = $name,)+
            }
        }

        impl Event {
            /// The event's kind.
            pub fn kind(&self) -> EventKind {
                match self {
                    $(Self::$member { .. } => EventKind::$member,)+
                }
            }
        }
    };
}

events! {
    /// The snapshot does not exist, is in state error, or is denied for good.
    NotExportable(Failure) = "not_exportable",
    /// The snapshot was exported before, by us or by another client.
    AlreadyExported(ExportRef) = "already_exported",
    /// An export of the snapshot is in progress, ours or another client's.
    UnderWayAlready(ExportRef) = "under_way_already",
    /// A person cancels the job.
    Cancel = "cancel",
    /// The intent to send is about to be written.
    Intend = "intend",
    /// Lightsail accepted the export.
    Accepted(ExportRef) = "accepted",
    /// Refused without effect, for a trouble of the lane. No attempt is used.
    RefusedByLane(Failure) = "refused_by_lane",
    /// Denied, because of the snapshot or the lane. Called again at the given time at the earliest, or never. No attempt is used.
    Denied(Failure, Option<Timestamp>) = "denied",
    /// Refused without effect, or failed, because of an EC2 limit on copies. No attempt is used; the next one is at the given
    /// time at the earliest.
    OverLimit(Failure, Timestamp) = "over_limit",
    /// Refused without effect, or failed, because Lightsail asks to wait. No attempt is used; the next one is at the given time
    /// at the earliest.
    RefusedForNow(Failure, Timestamp) = "refused_for_now",
    /// Refused permanently.
    RefusedForGood(Failure) = "refused_for_good",
    /// The outcome is unknown; the attempt counts.
    OutcomeUnknown(Failure) = "outcome_unknown",
    /// The outcome is unknown because of an outage; the attempt does not count.
    OutcomeUnknownInOutage(Failure) = "outcome_unknown_in_outage",
    /// An unconfirmed attempt is found in the ledger, in progress.
    FoundUnderWay(ExportRef) = "found_under_way",
    /// An unconfirmed attempt is found in the ledger, succeeded.
    FoundDone(ExportRef) = "found_done",
    /// An unconfirmed attempt is found in the ledger, failed. The next attempt is at the given time at the earliest, or never.
    FoundFailed(ExportRef, Failure, Option<Timestamp>) = "found_failed",
    /// Every absence check found nothing: Lightsail did not take the call. The next attempt is at the given time at the earliest.
    ProvenAbsent(Failure, Timestamp) = "proven_absent",
    /// The ledger cannot be explained.
    Contradiction(Failure) = "contradiction",
    /// The export succeeded.
    Finished(ExportRef) = "finished",
    /// The operation failed. The next attempt is at the given time at the earliest, or never.
    OperationFailed(Failure, Option<Timestamp>) = "operation_failed",
    /// No end of the export was seen for too long.
    GaveUp(Failure) = "gave_up",
    /// A person has the job sent again.
    SendAgain = "send_again",
    /// A person names the record that is the job's export. The failure names further exports of it.
    AdoptRecord(ExportRef, Option<Failure>) = "adopt_record",
    /// A person marks the job as failed.
    MarkedFailed(Failure) = "marked_failed",
    /// A person retries an ended job.
    Retry = "retry",
    /// A person pauses a queued job.
    Pause = "pause",
    /// A person resumes a paused job.
    Resume = "resume",
}
