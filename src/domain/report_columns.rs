//! The columns of a report: the report writes them, and a file that is read knows them again.

/// The columns of a report, before those that are copied to it. Scripts depend on them.
pub const REPORT_COLUMNS: [&str; 16] = [
    "batch",
    "snapshot_name",
    "account",
    "region",
    "state",
    "adopted",
    "attempts",
    "operation_id",
    "record_name",
    "destination_service",
    "destination_id",
    "error_code",
    "error_message",
    "queued_at",
    "submitted_at",
    "finished_at",
];
