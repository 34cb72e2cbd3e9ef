-- Moves the jobs that are still in the state and the attempt that each change expects. A change within a state touches
-- the pause alone, and adds a hold where there is none.
UPDATE jobs SET
    state = change.to_state,
    hold = CASE WHEN change.to_state = change.from_state THEN coalesce(jobs.hold, change.hold) ELSE change.hold END,
    paused_at = CASE WHEN change.besides = 'pauses' THEN change.at END,
    forgone = CASE WHEN change.besides = 'forgoes' THEN (SELECT coalesce(max(id), 0) FROM ledger) ELSE jobs.forgone END,
    due_at = CASE WHEN change.to_state = change.from_state THEN jobs.due_at ELSE change.due_at END,
    attempt = change.attempt,
    used = change.used,
    step = jobs.step + 1,
    weight = coalesce(change.weight, jobs.weight),
    source_arn = coalesce(change.source_arn, jobs.source_arn),
    adopted = CASE WHEN change.afresh THEN change.adopted ELSE jobs.adopted OR change.adopted END,
    operation_id = CASE WHEN change.afresh THEN change.operation ELSE coalesce(change.operation, jobs.operation_id) END,
    record_arn = CASE WHEN change.afresh THEN change.record ELSE coalesce(change.record, jobs.record_arn) END,
    record_name = CASE WHEN change.afresh THEN change.record_name ELSE coalesce(change.record_name, jobs.record_name) END,
    destination_service = CASE WHEN change.afresh THEN change.service
                               ELSE coalesce(change.service, jobs.destination_service) END,
    destination_id = CASE WHEN change.afresh THEN change.destination
                          ELSE coalesce(change.destination, jobs.destination_id) END,
    -- A duplicate once found stays in the report.
    error_code = CASE WHEN change.to_state = change.from_state THEN jobs.error_code
                      WHEN change.code IS NULL AND jobs.error_code = 'DuplicateExport' THEN jobs.error_code
                      ELSE change.code END,
    error_message = CASE WHEN change.to_state = change.from_state THEN jobs.error_message
                         WHEN change.code IS NULL AND jobs.error_code = 'DuplicateExport' THEN jobs.error_message
                         ELSE change.message END,
    submitted_at = coalesce(change.submitted_at, jobs.submitted_at),
    finished_at = CASE WHEN change.ended THEN change.at END,
    next_poll_at = change.poll_at
FROM (
    SELECT
        value ->> 0 AS job,
        value ->> 1 AS from_state,
        value ->> 2 AS expected,
        value ->> 3 AS expected_used,
        value ->> 4 AS to_state,
        value ->> 5 AS hold,
        value ->> 6 AS besides,
        value ->> 7 AS due_at,
        value ->> 8 AS attempt,
        value ->> 9 AS used,
        value ->> 10 AS afresh,
        value ->> 11 AS adopted,
        value ->> 12 AS weight,
        value ->> 13 AS source_arn,
        value ->> 14 AS operation,
        value ->> 15 AS record,
        value ->> 16 AS record_name,
        value ->> 17 AS service,
        value ->> 18 AS destination,
        value ->> 19 AS code,
        value ->> 20 AS message,
        value ->> 23 AS at,
        value ->> 24 AS submitted_at,
        value ->> 25 AS ended,
        value ->> 26 AS poll_at
    -- The array's element is made once for all that is taken out of it.
    FROM (SELECT value FROM json_each(?1) LIMIT -1)
) AS change
WHERE jobs.id = change.job AND jobs.state = change.from_state AND jobs.attempt = change.expected
  -- An attempt that was counted may be forgiven meanwhile.
  AND jobs.used = change.expected_used
  -- Nothing is sent that was held back, paused or stopped since it was claimed, or of which the ledger says something unheard.
  AND (change.to_state <> 'submitting' OR (jobs.hold IS NULL AND jobs.due_at IS NULL AND jobs.paused_at IS NULL
       AND NOT EXISTS (SELECT 1 FROM batches WHERE batches.id = jobs.batch_id AND batches.paused_at IS NOT NULL)
       AND NOT EXISTS (SELECT 1 FROM lanes WHERE lanes.id = jobs.lane_id AND lanes.paused_at IS NOT NULL)
       AND NOT EXISTS (SELECT 1 FROM trips WHERE trips.lane_id = jobs.lane_id AND trips.closed_at IS NULL
                       AND (trips.batch_id IS NULL OR trips.batch_id = jobs.batch_id) AND trips.probe IS NOT jobs.id)
       AND NOT EXISTS (SELECT 1 FROM ledger WHERE ledger.lane_id = jobs.lane_id
                       AND ledger.snapshot_name = jobs.snapshot_name AND ledger.news = 1)))
RETURNING jobs.id AS "id!: i64"
