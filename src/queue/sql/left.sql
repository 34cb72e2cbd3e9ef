-- What each sealed batch has left, in one lane or in all. Priorities are those of the jobs that may be sent; each is one
-- look into the claim index.
SELECT tallies.lane_id, tallies.batch_id, tallies.state, tallies.jobs, tallies.weight,
       CASE tallies.state WHEN 'queued' THEN (
           SELECT max(jobs.priority) FROM jobs
           WHERE jobs.lane_id = tallies.lane_id AND jobs.batch_id = tallies.batch_id
             AND jobs.state = 'queued' AND jobs.hold IS NULL AND jobs.due_at IS NULL AND jobs.paused_at IS NULL
       ) END AS "highest: i64",
       CASE tallies.state WHEN 'queued' THEN (
           SELECT min(jobs.priority) FROM jobs
           WHERE jobs.lane_id = tallies.lane_id AND jobs.batch_id = tallies.batch_id
             AND jobs.state = 'queued' AND jobs.hold IS NULL AND jobs.due_at IS NULL AND jobs.paused_at IS NULL
       ) END AS "lowest: i64"
FROM tallies
JOIN batches ON batches.id = tallies.batch_id AND batches.state = 'sealed'
WHERE tallies.jobs > 0 AND tallies.state IN ('queued', 'submitting', 'exporting', 'unknown')
  AND (?1 IS NULL OR tallies.lane_id = ?1)
