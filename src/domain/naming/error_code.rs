//! The codes by which a job's trouble is named: Lightsail's own, and a few of ours.

use crate::domain::ids::text;

text! {
    /// A short name for what went wrong; people select and group by it.
    pub struct ErrorCode;
}

impl ErrorCode {
    /// The snapshot is in no list of its lane.
    pub const SNAPSHOT_NOT_FOUND: &'static str = "SnapshotNotFound";
    /// The snapshot itself is in state error.
    pub const SNAPSHOT_IN_ERROR: &'static str = "SnapshotInError";
    /// It is not known whether Lightsail accepted the call.
    pub const OUTCOME_UNKNOWN: &'static str = "OutcomeUnknown";
    /// The process ended between the intent and the response.
    pub const INTERRUPTED: &'static str = "Interrupted";
    /// Proven absent from the ledger, and no attempt is left.
    pub const NOT_TAKEN: &'static str = "NotTaken";
    /// More candidates in the ledger than attempts.
    pub const TOO_MANY_CANDIDATES: &'static str = "TooManyCandidates";
    /// Operation and record contradict each other.
    pub const LEDGER_DISAGREES: &'static str = "LedgerDisagrees";
    /// The database is a copy, and Lightsail shows an export that the copy does not know.
    pub const EXPORTED_AFTER_COPY: &'static str = "ExportedAfterCopy";
    /// No end, or no destination, within `poll.give_up`.
    pub const NO_END_SEEN: &'static str = "NoEndSeen";
    /// A second export of the snapshot was found.
    pub const DUPLICATE_EXPORT: &'static str = "DuplicateExport";
    /// An export was found after its job had ended as failed or cancelled.
    pub const LATE_EXPORT: &'static str = "LateExport";
    /// Lightsail failed the operation without giving a code.
    pub const OPERATION_FAILED: &'static str = "OperationFailed";
    /// A person marked the job as failed.
    pub const FAILED_BY_USER: &'static str = "FailedByUser";

    /// Takes a code as it came; a code is one word of at most 128 characters.
    pub fn new(text: impl AsRef<str>) -> Self {
        Self(text.as_ref().chars().filter(|c| !c.is_whitespace() && !c.is_control()).take(128).collect())
    }
}
