-- An entry that has an owner keeps it.
UPDATE ledger SET job_id = owner.job, attempt = owner.attempt
FROM (
    SELECT value ->> 'entry' AS entry, value ->> 'job' AS job, value ->> 'attempt' AS attempt FROM json_each(?1)
) AS owner
WHERE ledger.id = owner.entry AND ledger.job_id IS NULL
