-- Jobs that may be probes of open circuit breakers of a lane: those that are probes already and queued again, then the first of each
-- batch all of whose open breakers are due (?3).
SELECT job.id AS "job!: JobId", job.batch_id AS "batch!: BatchId", job.snapshot_name AS "snapshot!: SnapshotName",
       job.attempt AS "attempt!: u32", job.used AS "used!: u32", job.weight AS "weight!: u32",
       job.arn AS "source_arn: SnapshotArn", job.denials AS "denials!: u32"
FROM (SELECT id, max(chosen) AS chosen FROM (
    SELECT jobs.id, 1 AS chosen
    FROM breaker_openings
    JOIN jobs ON jobs.id = breaker_openings.probe
    WHERE breaker_openings.lane_id = ?1 AND breaker_openings.closed_at IS NULL
      AND NOT EXISTS (SELECT 1 FROM breaker_openings AS other
                      WHERE other.lane_id = ?1 AND other.closed_at IS NULL
                        AND (other.batch_id IS NULL OR other.batch_id = jobs.batch_id)
                        AND other.probe IS NOT jobs.id AND other.id NOT IN (SELECT value FROM json_each(?3)))
    UNION ALL
    SELECT (SELECT best.id FROM sendable_jobs AS best
            WHERE best.lane_id = ?1 AND best.batch_id = job_counts.batch_id
            ORDER BY best.priority DESC, best.id
            LIMIT 1), 0
    FROM job_counts
    WHERE job_counts.lane_id = ?1 AND job_counts.state = 'queued' AND job_counts.jobs > 0
      AND EXISTS (SELECT 1 FROM breaker_openings
                  WHERE breaker_openings.lane_id = ?1 AND breaker_openings.closed_at IS NULL
                    AND (breaker_openings.batch_id IS NULL OR breaker_openings.batch_id = job_counts.batch_id))
      AND NOT EXISTS (SELECT 1 FROM breaker_openings
                      WHERE breaker_openings.lane_id = ?1 AND breaker_openings.closed_at IS NULL
                        AND (breaker_openings.batch_id IS NULL OR breaker_openings.batch_id = job_counts.batch_id)
                        AND breaker_openings.id NOT IN (SELECT value FROM json_each(?3)))
) GROUP BY id) AS may
JOIN sendable_jobs AS job ON job.id = may.id
JOIN batches ON batches.id = job.batch_id AND batches.state = 'sealed' AND batches.paused_at IS NULL
JOIN inventories ON inventories.lane_id = job.lane_id AND inventories.batch_id = job.batch_id AND inventories.run_id = ?2
ORDER BY may.chosen DESC, job.priority DESC, job.id
LIMIT 8
