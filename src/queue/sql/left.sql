-- What each sealed batch has left, in one lane or in all. Priorities are those of the jobs that may be sent; each is one
-- look into the claim index.
SELECT job_counts.lane_id, job_counts.batch_id, job_counts.state, job_counts.jobs, job_counts.weight,
       CASE job_counts.state WHEN 'queued' THEN (
           SELECT max(jobs.priority) FROM jobs
           WHERE jobs.lane_id = job_counts.lane_id AND jobs.batch_id = job_counts.batch_id
             AND jobs.state = 'queued' AND jobs.hold IS NULL AND jobs.due_at IS NULL AND jobs.paused_at IS NULL
       ) END AS "highest: i64",
       CASE job_counts.state WHEN 'queued' THEN (
           SELECT min(jobs.priority) FROM jobs
           WHERE jobs.lane_id = job_counts.lane_id AND jobs.batch_id = job_counts.batch_id
             AND jobs.state = 'queued' AND jobs.hold IS NULL AND jobs.due_at IS NULL AND jobs.paused_at IS NULL
       ) END AS "lowest: i64"
FROM job_counts
JOIN batches ON batches.id = job_counts.batch_id AND batches.state = 'sealed'
WHERE job_counts.jobs > 0 AND job_counts.state IN ('queued', 'submitting', 'exporting', 'unknown')
  AND (?1 IS NULL OR job_counts.lane_id = ?1)
