-- Moves jobs from the state ?2 to an end, ?3, or from an end back to the queue: as `move_jobs` does. ?4 is the hold,
-- ?5 whether it begins afresh, ?6 whether the job is adopted, ?7 what it means besides. Neither is a pause, or an intent.
UPDATE jobs SET
    state = ?3,
    hold = ?4,
    paused_at = NULL,
    due_at = change.due_at,
    attempt = change.attempt,
    used = change.used,
    step = jobs.step + 1,
    denials = CASE WHEN ?7 = 'denies' THEN jobs.denials + 1 ELSE 0 END,
    adopted = CASE WHEN ?5 THEN ?6 ELSE jobs.adopted OR ?6 END,
    operation_id = CASE WHEN ?5 THEN change.operation ELSE coalesce(change.operation, jobs.operation_id) END,
    record_arn = CASE WHEN ?5 THEN change.record ELSE coalesce(change.record, jobs.record_arn) END,
    record_name = CASE WHEN ?5 THEN change.record_name ELSE coalesce(change.record_name, jobs.record_name) END,
    destination_service = CASE WHEN ?5 THEN change.service ELSE coalesce(change.service, jobs.destination_service) END,
    destination_id = CASE WHEN ?5 THEN change.destination ELSE coalesce(change.destination, jobs.destination_id) END,
    -- A duplicate once found stays in the report.
    error_code = CASE WHEN change.code IS NULL AND jobs.error_code = 'DuplicateExport' THEN jobs.error_code
                      ELSE change.code END,
    error_message = CASE WHEN change.code IS NULL AND jobs.error_code = 'DuplicateExport' THEN jobs.error_message
                         ELSE change.message END,
    finished_at = CASE WHEN ?3 <> 'queued' THEN change.at END,
    next_poll_at = change.poll_at
FROM (
    SELECT
        value ->> 0 AS job,
        value ->> 1 AS expected,
        value ->> 2 AS expected_used,
        value ->> 3 AS due_at,
        value ->> 4 AS attempt,
        value ->> 5 AS used,
        value ->> 8 AS operation,
        value ->> 9 AS record,
        value ->> 10 AS record_name,
        value ->> 11 AS service,
        value ->> 12 AS destination,
        value ->> 13 AS code,
        value ->> 14 AS message,
        value ->> 15 AS at,
        value ->> 16 AS poll_at
    FROM (SELECT value FROM jsonb_each(?1) LIMIT -1)
) AS change
-- ?2 as an expression: where a parameter might decide for an index, the statement is prepared anew for each value of it.
WHERE jobs.id = change.job AND jobs.state = ?2 || '' AND jobs.attempt = change.expected
  AND jobs.used = change.expected_used
RETURNING jobs.id AS "id!: i64", jobs.lane_id AS "lane!: i64"
