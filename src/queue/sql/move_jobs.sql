-- Moves the jobs that are still in the state and in the attempt that their change expects. A change within a state changes
-- only the pause, and adds a hold where there is none. The JSON is that of `Transition`.
WITH t AS MATERIALIZED (
    SELECT value ->> '$.job' AS job, value ->> '$.from' AS old_state, value ->> '$.to' AS new_state,
           value ->> '$.expected_attempt' AS expected_attempt, value ->> '$.expected_used' AS expected_used, value ->> '$.at' AS at,
           value ->> '$.ended_at' AS ended_at, value ->> '$.hold' AS hold, value ->> '$.due_at' AS due_at,
           value ->> '$.side_effect' AS side_effect, value ->> '$.attempt' AS attempt, value ->> '$.used' AS used,
           value ->> '$.adopted' AS adopted, value ->> '$.reset_export' AS reset_export, value ->> '$.next_poll_at' AS next_poll_at,
           value ->> '$.probes' AS probes, value ->> '$.intent.weight' AS weight, value ->> '$.intent.source_arn' AS source_arn,
           value ->> '$.export_ref.operation' AS operation, value ->> '$.export_ref.record' AS record,
           value ->> '$.export_ref.record_name' AS record_name, value ->> '$.export_ref.destination.service' AS service,
           value ->> '$.export_ref.destination.id' AS destination, value ->> '$.failure.code' AS code,
           value ->> '$.failure.message' AS message
    FROM jsonb_each(?1)
)
UPDATE jobs SET
    state = t.new_state,
    hold = coalesce(t.hold, iif(t.new_state = jobs.state, jobs.hold, NULL)),
    due_at = iif(t.new_state = jobs.state, jobs.due_at, t.due_at),
    paused_at = iif(t.side_effect = 'pause', t.at, NULL),
    ignored_through = iif(t.side_effect = 'ignore_records', (SELECT coalesce(max(id), 0) FROM ledger), jobs.ignored_through),
    attempt = t.attempt,
    used = t.used,
    step = jobs.step + 1,
    denials = CASE WHEN t.side_effect = 'count_denial' THEN jobs.denials + 1
                   WHEN t.new_state = 'exporting' OR t.ended_at IS NOT NULL OR jobs.finished_at IS NOT NULL THEN 0
                   ELSE jobs.denials END,
    weight = coalesce(t.weight, jobs.weight),
    source_arn = coalesce(t.source_arn, jobs.source_arn),
    adopted = t.adopted OR iif(t.reset_export, 0, jobs.adopted),
    operation_id = coalesce(t.operation, iif(t.reset_export, NULL, jobs.operation_id)),
    record_arn = coalesce(t.record, iif(t.reset_export, NULL, jobs.record_arn)),
    record_name = coalesce(t.record_name, iif(t.reset_export, NULL, jobs.record_name)),
    destination_service = coalesce(t.service, iif(t.reset_export, NULL, jobs.destination_service)),
    destination_id = coalesce(t.destination, iif(t.reset_export, NULL, jobs.destination_id)),
    -- A duplicate that was found stays in the report.
    error_code = CASE WHEN t.new_state = jobs.state THEN jobs.error_code
                      WHEN t.code IS NULL AND jobs.error_code = 'DuplicateExport' THEN jobs.error_code
                      ELSE t.code END,
    error_message = CASE WHEN t.new_state = jobs.state THEN jobs.error_message
                         WHEN t.code IS NULL AND jobs.error_code = 'DuplicateExport' THEN jobs.error_message
                         ELSE t.message END,
    submitted_at = iif(t.new_state = 'submitting', t.at, jobs.submitted_at),
    finished_at = t.ended_at,
    next_poll_at = t.next_poll_at
FROM t
WHERE jobs.id = t.job AND jobs.state = t.old_state AND jobs.attempt = t.expected_attempt
  -- An attempt may have been refunded meanwhile.
  AND jobs.used = t.expected_used
  -- A job is not sent if it was held back or paused since it was claimed, a breaker opened, or it has unprocessed changes; nor in a
  -- lane that was blocked since, or for another trouble than the one that the job probes.
  AND (t.new_state <> 'submitting' OR (jobs.hold IS NULL AND jobs.due_at IS NULL AND jobs.paused_at IS NULL
       AND NOT EXISTS (SELECT 1 FROM batches WHERE batches.id = jobs.batch_id AND batches.paused_at IS NOT NULL)
       AND EXISTS (SELECT 1 FROM lanes WHERE lanes.id = jobs.lane_id AND lanes.paused_at IS NULL
                   -- Failing reads do not stop sending.
                   AND nullif(lanes.blocked_code, 'reads') IS t.probes)
       AND NOT EXISTS (SELECT 1 FROM breaker_openings WHERE breaker_openings.lane_id = jobs.lane_id AND breaker_openings.closed_at IS NULL
                       AND (breaker_openings.batch_id IS NULL OR breaker_openings.batch_id = jobs.batch_id) AND breaker_openings.probe IS NOT jobs.id)
       AND NOT EXISTS (SELECT 1 FROM ledger WHERE ledger.lane_id = jobs.lane_id
                       AND ledger.snapshot_name = jobs.snapshot_name AND ledger.unprocessed = 1)))
RETURNING jobs.id AS "id!: JobId", jobs.lane_id AS "lane!: LaneId"
