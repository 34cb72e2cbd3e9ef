-- What is known of the jobs whose ids stand in a JSON array, each with its attempts.
SELECT jobs.id AS "job!: JobId", snapshot_name AS "snapshot: SnapshotName", jobs.state AS "state: JobState",
       attempt AS "attempt!: u32", used AS "used!: u32",
       existing = 'adopt' AND ignored_through IS NULL AS "adopts!: bool", adopted AS "adopted!: bool",
       coalesce(ignored_through, 0) AS "ignored_through!: i64",
       (SELECT min(last_entry) FROM takeovers WHERE last_job >= jobs.id) AS "copied_through: i64",
       CASE WHEN jobs.state = 'queued' AND snapshots.name IS NOT NULL THEN snapshots.arn
            ELSE coalesce(source_arn, snapshots.arn) END AS "source_arn: SnapshotArn",
       snapshots.created_at AS "snapshot_made_at: Timestamp", operation_id AS "operation: OperationId",
       record_arn AS "record: RecordArn", error_code, destination_id,
       coalesce((SELECT max(at) FROM transitions WHERE transitions.job_id = jobs.id), queued_at) AS "since!: Timestamp",
       (SELECT json_group_array(json_object(
            'number', number, 'baseline', baseline, 'outcome', nullif(outcome, 'pending'), 'intended_at', intended_at,
            'absence_checks', absence_checks, 'first_check_at', first_check_at, 'last_check_at', last_check_at,
            'kept_window', coalesce(kept_window, 0)) ORDER BY number)
        FROM attempts WHERE attempts.job_id = jobs.id) AS "attempts!: FollowedAttempts"
FROM json_each(?1) AS wanted CROSS JOIN jobs ON jobs.id = wanted.value
LEFT JOIN snapshots ON snapshots.lane_id = jobs.lane_id AND snapshots.name = jobs.snapshot_name
