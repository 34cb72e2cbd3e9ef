-- What each sealed batch has left of its own jobs, in one lane or in all. Priorities are those of the jobs that may be sent; each
-- is one search of the claim index.
SELECT job_counts.lane_id AS "lane!: LaneId", job_counts.batch_id AS "batch!: BatchId", 1 AS "own!: bool",
       sum(job_counts.jobs * (job_counts.state = 'queued')) AS "queued!: u64",
       sum(job_counts.jobs * (job_counts.state <> 'queued')) AS "in_flight!: u64",
       sum(job_counts.weight * (job_counts.state = 'queued')) AS "queued_copies!: u64",
       sum(job_counts.weight * (job_counts.state <> 'queued')) AS "copies_in_flight!: u64",
       (SELECT max(jobs.priority) FROM jobs
        WHERE jobs.lane_id = job_counts.lane_id AND jobs.batch_id = job_counts.batch_id
          AND jobs.state = 'queued' AND jobs.hold IS NULL AND jobs.due_at IS NULL AND jobs.paused_at IS NULL
       ) AS "highest: i64",
       (SELECT min(jobs.priority) FROM jobs
        WHERE jobs.lane_id = job_counts.lane_id AND jobs.batch_id = job_counts.batch_id
          AND jobs.state = 'queued' AND jobs.hold IS NULL AND jobs.due_at IS NULL AND jobs.paused_at IS NULL
       ) AS "lowest: i64"
FROM job_counts
JOIN batches ON batches.id = job_counts.batch_id AND batches.state = 'sealed'
WHERE job_counts.jobs > 0 AND job_counts.state IN ('queued', 'submitting', 'exporting', 'unknown')
  AND (?1 IS NULL OR job_counts.lane_id = ?1)
GROUP BY job_counts.lane_id, job_counts.batch_id
