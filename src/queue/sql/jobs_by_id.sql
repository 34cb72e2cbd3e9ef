-- The jobs whose ids stand in a JSON array, in the order of their ids.
SELECT
    jobs.id AS "id!: JobId", batches.name AS "batch!: BatchName", jobs.line AS "line!: u32",
    lanes.account || ' ' || lanes.region AS "lane!: Lane", jobs.snapshot_name AS "snapshot_name!: SnapshotName",
    jobs.priority AS "priority!: i64", jobs.existing = 'export-again' AS "export_again!: bool",
    jobs.state AS "state!: JobState", jobs.hold AS "hold: Hold", jobs.paused_at AS "paused_at: Timestamp",
    jobs.due_at AS "due_at: Timestamp", jobs.attempt AS "attempts!: u32", jobs.used AS "used!: u32",
    jobs.weight AS "weight!: u32", jobs.source_arn AS "source_arn: SnapshotArn", jobs.adopted AS "adopted!: bool",
    jobs.operation_id AS "operation_id: OperationId", jobs.record_arn AS "record_arn: RecordArn", jobs.record_name,
    jobs.destination_service, jobs.destination_id, jobs.error_code AS "error_code: ErrorCode", jobs.error_message,
    jobs.queued_at AS "queued_at!: Timestamp", jobs.submitted_at AS "submitted_at: Timestamp",
    jobs.finished_at AS "finished_at: Timestamp", jobs.next_poll_at AS "next_poll_at: Timestamp"
FROM json_each(?1) AS wanted
CROSS JOIN jobs ON jobs.id = wanted.value
JOIN batches ON batches.id = jobs.batch_id
JOIN lanes ON lanes.id = jobs.lane_id
ORDER BY jobs.id
