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
        value ->> 'job' AS job,
        value ->> 'from' AS from_state,
        value ->> 'expected' AS expected,
        value ->> 'expected_used' AS expected_used,
        value ->> 'to' AS to_state,
        value ->> 'hold' AS hold,
        value ->> 'besides' AS besides,
        value ->> 'due_at' AS due_at,
        value ->> 'attempt' AS attempt,
        value ->> 'used' AS used,
        value ->> 'afresh' AS afresh,
        value ->> 'adopted' AS adopted,
        value ->> 'weight' AS weight,
        value ->> 'source_arn' AS source_arn,
        value ->> 'operation' AS operation,
        value ->> 'record' AS record,
        value ->> 'record_name' AS record_name,
        value ->> 'service' AS service,
        value ->> 'destination' AS destination,
        value ->> 'code' AS code,
        value ->> 'message' AS message,
        value ->> 'at' AS at,
        value ->> 'submitted_at' AS submitted_at,
        value ->> 'ended' AS ended,
        value ->> 'poll_at' AS poll_at
    FROM json_each(?1)
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
