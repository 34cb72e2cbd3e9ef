-- The baseline is read in the transaction that makes the intent durable: no entry that is known by then is ours.
INSERT INTO attempts (job_id, number, run_id, intended_at, baseline, outcome)
SELECT t ->> '$.job', t ->> '$.attempt', t ->> '$.intent.run', t ->> '$.at', (SELECT coalesce(max(id), 0) FROM ledger), 'pending'
FROM (SELECT value AS t FROM jsonb_each(?1) LIMIT -1)
