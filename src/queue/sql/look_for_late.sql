-- When a job has ended, what the ledger has of its name and is nobody's may be an earlier job's that was taken for absent.
UPDATE ledger SET news = 1
FROM (SELECT jobs.lane_id, jobs.snapshot_name
      FROM (SELECT value ->> 0 AS job, value ->> 25 AS ended
            FROM (SELECT value FROM json_each(?1) LIMIT -1)) AS given
      CROSS JOIN jobs ON jobs.id = given.job
      WHERE ended = 1
        AND EXISTS (SELECT 1 FROM jobs AS earlier CROSS JOIN attempts ON attempts.job_id = earlier.id
                    WHERE earlier.lane_id = jobs.lane_id AND earlier.snapshot_name = jobs.snapshot_name
                      AND earlier.state IN ('failed', 'cancelled') AND attempts.outcome = 'absent')
      LIMIT -1) AS over
WHERE ledger.lane_id = over.lane_id AND ledger.snapshot_name = over.snapshot_name AND ledger.news = 0
  AND ledger.job_id IS NULL
