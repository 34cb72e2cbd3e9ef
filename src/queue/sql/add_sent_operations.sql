-- A listing may have seen the operation before its answer was written down: then only the owner is new.
INSERT INTO ledger (lane_id, kind, key, snapshot_name, status, created_at, seen_at, job_id, attempt, news)
SELECT jobs.lane_id, 'operation', operation, jobs.snapshot_name, 'under_way', created_at, at, jobs.id, given.attempt, 0
FROM (
    SELECT value ->> 0 AS job, value ->> 1 AS attempt, value ->> 3 AS operation, value ->> 4 AS created_at,
           value ->> 5 AS at
    FROM (SELECT value FROM jsonb_each(?1) LIMIT -1)
) AS given
CROSS JOIN jobs ON jobs.id = given.job
WHERE true
ON CONFLICT (lane_id, kind, key) DO UPDATE SET job_id = excluded.job_id, attempt = excluded.attempt, news = 1
    WHERE ledger.job_id IS NULL
