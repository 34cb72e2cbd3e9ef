-- For jobs that have ended: unowned entries of their names may belong to an earlier job whose attempt was proven absent, or that failed
-- by what was found.
UPDATE ledger SET unprocessed = 1
FROM (SELECT jobs.lane_id, jobs.snapshot_name
      FROM jsonb_each(?1) AS given
      CROSS JOIN jobs ON jobs.id = given.value ->> '$.job'
      WHERE EXISTS (SELECT 1 FROM jobs AS earlier CROSS JOIN attempts ON attempts.job_id = earlier.id
                    WHERE earlier.lane_id = jobs.lane_id AND earlier.snapshot_name = jobs.snapshot_name
                      AND earlier.state IN ('failed', 'cancelled')
                      AND (attempts.outcome = 'absent' OR attempts.outcome = 'found'))
      LIMIT -1) AS over
WHERE ledger.lane_id = over.lane_id AND ledger.snapshot_name = over.snapshot_name AND ledger.unprocessed = 0
  AND ledger.job_id IS NULL
