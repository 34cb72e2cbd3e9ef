-- Walks the claim index of each batch that may be sent for, up to the limit: jobs of a higher priority, and of the same
-- one, as batches take turns, as many of each batch as precede the job in its own.
SELECT count(*) AS "count!: u32" FROM (
    SELECT 1
    FROM job_counts
    CROSS JOIN batches ON batches.id = job_counts.batch_id AND batches.state = 'sealed' AND batches.paused_at IS NULL
    CROSS JOIN jobs ON jobs.lane_id = job_counts.lane_id AND jobs.batch_id = job_counts.batch_id
        AND jobs.state = 'queued' AND jobs.hold IS NULL AND jobs.due_at IS NULL AND jobs.paused_at IS NULL
        AND jobs.priority > ?2
    WHERE job_counts.lane_id = ?1 AND job_counts.state = 'queued' AND job_counts.jobs > 0
      AND NOT EXISTS (SELECT 1 FROM breaker_openings
                      WHERE breaker_openings.lane_id = ?1 AND breaker_openings.closed_at IS NULL
                        AND (breaker_openings.batch_id IS NULL OR breaker_openings.batch_id = job_counts.batch_id))
    UNION ALL
    SELECT 1
    FROM job_counts
    CROSS JOIN batches ON batches.id = job_counts.batch_id AND batches.state = 'sealed' AND batches.paused_at IS NULL
    CROSS JOIN jobs ON jobs.id IN (
        SELECT equal.id FROM jobs AS equal
        WHERE equal.lane_id = ?1 AND equal.batch_id = job_counts.batch_id
          AND equal.state = 'queued' AND equal.hold IS NULL AND equal.due_at IS NULL AND equal.paused_at IS NULL
          AND equal.priority = ?2
        ORDER BY equal.id
        LIMIT (SELECT count(*) FROM (
            SELECT 1 FROM jobs AS own
            WHERE own.lane_id = ?1 AND own.batch_id = (SELECT batch_id FROM jobs WHERE id = ?3)
              AND own.state = 'queued' AND own.hold IS NULL AND own.due_at IS NULL AND own.paused_at IS NULL
              AND own.priority = ?2 AND own.id < ?3
            LIMIT ?4)))
    WHERE job_counts.lane_id = ?1 AND job_counts.state = 'queued' AND job_counts.jobs > 0
      AND NOT EXISTS (SELECT 1 FROM breaker_openings
                      WHERE breaker_openings.lane_id = ?1 AND breaker_openings.closed_at IS NULL
                        AND (breaker_openings.batch_id IS NULL OR breaker_openings.batch_id = job_counts.batch_id))
    LIMIT ?4)
