-- Moves jobs from the live state ?2 to the live state ?3, those that are still there, in the attempt that each change
-- expects. What has an end in its condition or its key need not be written anew. A change within a state touches the pause
-- alone, and adds a hold (?4) where there is none. ?5 is what it means besides, ?6 whether it begins afresh, ?7 whether
-- the job is adopted, ?8 the trouble of the lane that an intent probes.
UPDATE jobs SET
    state = ?3,
    hold = CASE WHEN ?3 = ?2 THEN coalesce(jobs.hold, ?4) ELSE ?4 END,
    paused_at = CASE WHEN ?5 = 'pauses' THEN change.at END,
    forgone = CASE WHEN ?5 = 'forgoes' THEN (SELECT coalesce(max(id), 0) FROM ledger) ELSE jobs.forgone END,
    due_at = CASE WHEN ?3 = ?2 THEN jobs.due_at ELSE change.due_at END,
    attempt = change.attempt,
    used = change.used,
    step = jobs.step + 1,
    denials = CASE WHEN ?5 = 'denies' THEN jobs.denials + 1 WHEN ?3 = 'exporting' THEN 0 ELSE jobs.denials END,
    weight = coalesce(change.weight, jobs.weight),
    source_arn = coalesce(change.source_arn, jobs.source_arn),
    adopted = CASE WHEN ?6 THEN ?7 ELSE jobs.adopted OR ?7 END,
    operation_id = CASE WHEN ?6 THEN change.operation ELSE coalesce(change.operation, jobs.operation_id) END,
    record_arn = CASE WHEN ?6 THEN change.record ELSE coalesce(change.record, jobs.record_arn) END,
    record_name = CASE WHEN ?6 THEN change.record_name ELSE coalesce(change.record_name, jobs.record_name) END,
    destination_service = CASE WHEN ?6 THEN change.service ELSE coalesce(change.service, jobs.destination_service) END,
    destination_id = CASE WHEN ?6 THEN change.destination ELSE coalesce(change.destination, jobs.destination_id) END,
    -- A duplicate once found stays in the report.
    error_code = CASE WHEN ?3 = ?2 THEN jobs.error_code
                      WHEN change.code IS NULL AND jobs.error_code = 'DuplicateExport' THEN jobs.error_code
                      ELSE change.code END,
    error_message = CASE WHEN ?3 = ?2 THEN jobs.error_message
                         WHEN change.code IS NULL AND jobs.error_code = 'DuplicateExport' THEN jobs.error_message
                         ELSE change.message END,
    submitted_at = CASE WHEN ?3 = 'submitting' THEN change.at ELSE jobs.submitted_at END,
    next_poll_at = change.poll_at
FROM (
    SELECT
        value ->> 0 AS job,
        value ->> 1 AS expected,
        value ->> 2 AS expected_used,
        value ->> 3 AS due_at,
        value ->> 4 AS attempt,
        value ->> 5 AS used,
        value ->> 6 AS weight,
        value ->> 7 AS source_arn,
        value ->> 8 AS operation,
        value ->> 9 AS record,
        value ->> 10 AS record_name,
        value ->> 11 AS service,
        value ->> 12 AS destination,
        value ->> 13 AS code,
        value ->> 14 AS message,
        value ->> 15 AS at,
        value ->> 16 AS poll_at
    -- The array's element is made once for all that is taken out of it.
    FROM (SELECT value FROM jsonb_each(?1) LIMIT -1)
) AS change
-- ?2 as an expression: where a parameter might decide for an index, the statement is prepared anew for each value of it.
WHERE jobs.id = change.job AND jobs.state = ?2 || '' AND jobs.attempt = change.expected
  -- An attempt that was counted may be forgiven meanwhile.
  AND jobs.used = change.expected_used
  -- Nothing is sent that was held back, paused or stopped since it was claimed, or of which the ledger says something unheard,
  -- nor in a lane that was blocked since, or for another trouble.
  AND (?3 <> 'submitting' OR (jobs.hold IS NULL AND jobs.due_at IS NULL AND jobs.paused_at IS NULL
       AND NOT EXISTS (SELECT 1 FROM batches WHERE batches.id = jobs.batch_id AND batches.paused_at IS NOT NULL)
       AND EXISTS (SELECT 1 FROM lanes WHERE lanes.id = jobs.lane_id AND lanes.paused_at IS NULL
                   -- Reads that fail keep no job from being sent.
                   AND nullif(lanes.blocked_code, 'reads') IS ?8)
       AND NOT EXISTS (SELECT 1 FROM trips WHERE trips.lane_id = jobs.lane_id AND trips.closed_at IS NULL
                       AND (trips.batch_id IS NULL OR trips.batch_id = jobs.batch_id) AND trips.probe IS NOT jobs.id)
       AND NOT EXISTS (SELECT 1 FROM ledger WHERE ledger.lane_id = jobs.lane_id
                       AND ledger.snapshot_name = jobs.snapshot_name AND ledger.news = 1)))
RETURNING jobs.id AS "id!: i64", jobs.lane_id AS "lane!: i64"
