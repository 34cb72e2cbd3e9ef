-- One search of the claim index for each batch that may be sent; the best of all. A paused or loading batch is never scanned, nor
-- one whose circuit breaker is open. ?4 is how often a job may have been denied. Batches take
-- turns at each priority, a job at a time; ?5 is the batch that had the last turn.
SELECT job.id AS "job!: JobId", job.batch_id AS "batch!: BatchId", job.snapshot_name AS "snapshot!: SnapshotName",
       job.attempt AS "attempt!: u32", job.used AS "used!: u32", job.weight AS "weight!: u32",
       job.arn AS "source_arn: SnapshotArn", job.denials AS "denials!: u32"
FROM (
    SELECT ready.id, ready.priority, ready.batch_id,
           row_number() OVER (PARTITION BY ready.batch_id, ready.priority ORDER BY ready.id) AS turn
    FROM job_counts
    JOIN batches ON batches.id = job_counts.batch_id AND batches.state = 'sealed' AND batches.paused_at IS NULL
    JOIN inventories ON inventories.lane_id = job_counts.lane_id AND inventories.batch_id = job_counts.batch_id
        AND inventories.run_id = ?2
    JOIN jobs AS ready ON ready.id IN (
        SELECT best.id FROM sendable_jobs AS best
        WHERE best.lane_id = ?1 AND best.batch_id = job_counts.batch_id AND best.denials <= ?4
        ORDER BY best.priority DESC, best.id
        LIMIT ?3)
    WHERE job_counts.lane_id = ?1 AND job_counts.state = 'queued' AND job_counts.jobs > 0
      AND NOT EXISTS (SELECT 1 FROM breaker_openings
                      WHERE breaker_openings.lane_id = ?1 AND breaker_openings.closed_at IS NULL
                        AND (breaker_openings.batch_id IS NULL OR breaker_openings.batch_id = job_counts.batch_id))
    ORDER BY ready.priority DESC, turn, ready.batch_id <= ?5, ready.batch_id
    LIMIT ?3) AS next
CROSS JOIN sendable_jobs AS job ON job.id = next.id
ORDER BY next.priority DESC, next.turn, next.batch_id <= ?5, next.batch_id
