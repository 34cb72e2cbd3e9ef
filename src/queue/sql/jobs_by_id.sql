-- The jobs whose ids stand in a JSON array, in the order of their ids.
SELECT
    jobs.id AS "id!: i64", batches.name AS "batch!", lanes.account AS "account!", lanes.region AS "region!",
    jobs.line AS "line!: i64", jobs.snapshot_name AS "snapshot_name!", jobs.priority AS "priority!: i64",
    jobs.existing AS "existing!", jobs.state AS "state!", jobs.hold, jobs.paused_at AS "paused_at: i64",
    jobs.due_at AS "due_at: i64",
    jobs.attempt AS "attempt!: i64", jobs.used AS "used!: i64", jobs.weight AS "weight!: i64", jobs.source_arn,
    jobs.adopted AS "adopted!: bool", jobs.operation_id, jobs.record_arn, jobs.record_name, jobs.destination_service,
    jobs.destination_id, jobs.error_code, jobs.error_message, jobs.queued_at AS "queued_at!: i64",
    jobs.submitted_at AS "submitted_at: i64", jobs.finished_at AS "finished_at: i64",
    jobs.next_poll_at AS "next_poll_at: i64"
FROM json_each(?1) AS wanted
CROSS JOIN jobs ON jobs.id = wanted.value
JOIN batches ON batches.id = jobs.batch_id
JOIN lanes ON lanes.id = jobs.lane_id
ORDER BY jobs.id
