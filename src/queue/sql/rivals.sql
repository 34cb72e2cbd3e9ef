-- For jobs that have ended: another job of the snapshot that is live, and a later one that exported it, which a job
-- that is to be exported in any case does not mind.
SELECT jobs.id AS "id!: i64",
       (SELECT live.id FROM jobs AS live
        WHERE live.lane_id = jobs.lane_id AND live.snapshot_name = jobs.snapshot_name
          AND live.state IN ('queued', 'submitting', 'exporting', 'unknown', 'needs_review')) AS "live: i64",
       (SELECT max(later.id) FROM ledger CROSS JOIN jobs AS later ON later.id = ledger.job_id
        WHERE ledger.lane_id = jobs.lane_id AND ledger.snapshot_name = jobs.snapshot_name
          AND later.id > jobs.id AND later.state = 'succeeded' AND jobs.existing = 'adopt') AS "exported: i64"
FROM json_each(?1) AS wanted CROSS JOIN jobs ON jobs.id = wanted.value
