-- The baseline is read in the transaction that makes the intent durable: all that is known by then is not ours.
INSERT INTO attempts (job_id, number, run_id, intended_at, baseline, outcome)
SELECT value ->> 0 AS job, value ->> 1 AS number, value ->> 2 AS run, value ->> 3 AS at,
       (SELECT coalesce(max(id), 0) FROM ledger), 'pending'
FROM (SELECT value FROM jsonb_each(?1) LIMIT -1)
