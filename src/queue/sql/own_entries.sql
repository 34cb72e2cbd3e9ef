-- An entry that has an owner keeps it.
UPDATE ledger SET job_id = owner.job, attempt = owner.attempt
FROM (
    SELECT value ->> 0 AS job, value ->> 1 AS attempt, value ->> 2 AS entry
    FROM (SELECT value FROM jsonb_each(?1) LIMIT -1)
) AS owner
WHERE ledger.id = owner.entry AND ledger.job_id IS NULL
