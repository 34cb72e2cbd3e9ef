-- The baseline is read in the transaction that makes the intent durable: all that is known by then is not ours.
INSERT INTO attempts (job_id, number, run_id, intended_at, baseline, outcome)
SELECT value ->> 'job', value ->> 'number', value ->> 'run', value ->> 'at',
       (SELECT coalesce(max(id), 0) FROM ledger), 'pending'
FROM json_each(?1)
