-- What an open breaker holds back recovers automatically once; after a failed probe in this run it waits for a person.
SELECT (SELECT coalesce(sum(job_counts.jobs), 0)
        FROM job_counts
        JOIN batches ON batches.id = job_counts.batch_id
        JOIN lanes ON lanes.id = job_counts.lane_id
        WHERE batches.state = 'sealed'
          AND (job_counts.state IN ('submitting', 'exporting', 'unknown')
               OR (job_counts.state = 'queued' AND batches.paused_at IS NULL AND lanes.paused_at IS NULL
                   AND NOT EXISTS (SELECT 1 FROM breaker_openings
                               WHERE breaker_openings.closed_at IS NULL AND breaker_openings.lane_id = job_counts.lane_id
                                 AND (breaker_openings.batch_id IS NULL OR breaker_openings.batch_id = job_counts.batch_id)
                                 AND breaker_openings.failed_run = (SELECT max(id) FROM runs)))))
     - (SELECT count(*) FROM lanes CROSS JOIN jobs
        ON jobs.lane_id = lanes.id AND jobs.paused_at IS NOT NULL
        JOIN batches ON batches.id = jobs.batch_id
        WHERE batches.state = 'sealed' AND batches.paused_at IS NULL AND lanes.paused_at IS NULL
          AND NOT EXISTS (SELECT 1 FROM breaker_openings
                               WHERE breaker_openings.closed_at IS NULL AND breaker_openings.lane_id = jobs.lane_id
                                 AND (breaker_openings.batch_id IS NULL OR breaker_openings.batch_id = jobs.batch_id)
                                 AND breaker_openings.failed_run = (SELECT max(id) FROM runs))) AS "count!: u64"
