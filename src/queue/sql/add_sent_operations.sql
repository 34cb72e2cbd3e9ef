-- An inventory may have seen the operation before the response was written: then only the owner is new.
INSERT INTO ledger (lane_id, kind, key, snapshot_name, status, created_at, seen_at, job_id, attempt, unprocessed)
SELECT jobs.lane_id, 'operation', operation.value ->> '$.id', jobs.snapshot_name, 'under_way',
       operation.value ->> '$.created_at', t ->> '$.at', jobs.id, t ->> '$.expected_attempt', 0
FROM (SELECT value AS t FROM jsonb_each(?1) LIMIT -1)
CROSS JOIN json_each(t, '$.operations') AS operation
CROSS JOIN jobs ON jobs.id = t ->> '$.job'
WHERE true
ON CONFLICT (lane_id, kind, key) DO UPDATE SET job_id = excluded.job_id, attempt = excluded.attempt, unprocessed = 1
    WHERE ledger.job_id IS NULL
