-- The open breakers of a lane, or of all, each with the state of its probe.
SELECT breaker_openings.id AS "id!: OpeningId", breaker_openings.lane_id AS "lane!: LaneId",
       breaker_openings.batch_id AS "batch: BatchId",
       (SELECT name FROM batches WHERE batches.id = breaker_openings.batch_id) AS "batch_name: BatchName",
       opened_at AS "opened_at!: Timestamp", json_array(failed, ended, code) AS "cause!: OpenCause",
       waits_from AS "waits_from!: Timestamp", wait AS "wait!: Millis", probe AS "probe: JobId", probes AS "in_vain!: u32",
       CASE
           WHEN jobs.id IS NULL THEN 'none'
           WHEN jobs.state = 'queued' AND (
               jobs.paused_at IS NOT NULL OR jobs.denials > 0 OR jobs.hold IS NOT NULL
               -- It was told to wait; one with a failed attempt is retried soon.
               OR (jobs.due_at IS NOT NULL AND jobs.used = 0)
               OR EXISTS (SELECT 1 FROM snapshots
                          WHERE snapshots.lane_id = jobs.lane_id AND snapshots.name = jobs.snapshot_name
                            AND (snapshots.state = 'pending' OR snapshots.state = 'error'))
               OR EXISTS (SELECT 1 FROM batches WHERE batches.id = jobs.batch_id AND batches.paused_at IS NOT NULL))
               THEN 'silent'
           WHEN jobs.state IN ('queued', 'submitting', 'exporting', 'unknown') THEN 'under_way'
           -- Only its own export counts.
           WHEN jobs.state IN ('succeeded', 'failed') AND jobs.attempt > 0 AND jobs.adopted = 0 THEN jobs.state
           ELSE 'silent' END AS "probe_state!: ProbeState"
FROM breaker_openings LEFT JOIN jobs ON jobs.id = breaker_openings.probe
WHERE breaker_openings.closed_at IS NULL AND (?1 IS NULL OR breaker_openings.lane_id = ?1)
ORDER BY breaker_openings.id
