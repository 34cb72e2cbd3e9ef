-- A listing may have seen the operation before its answer was written down: then only the owner is new.
INSERT INTO ledger (lane_id, kind, key, snapshot_name, status, created_at, seen_at, job_id, attempt, news)
SELECT jobs.lane_id, 'operation', value ->> 'operation', jobs.snapshot_name, 'under_way', value ->> 'created_at',
       value ->> 'at', jobs.id, value ->> 'attempt', 0
FROM json_each(?1) JOIN jobs ON jobs.id = value ->> 'job'
WHERE true
ON CONFLICT (lane_id, kind, key) DO UPDATE SET job_id = excluded.job_id, attempt = excluded.attempt, news = 1
    WHERE ledger.job_id IS NULL
