-- An entry that has an owner keeps it.
UPDATE ledger SET job_id = owner.job, attempt = owner.attempt
FROM (
    SELECT given.value ->> '$.job' AS job, given.value ->> '$.owns.attempt' AS attempt, entry.value AS entry
    FROM jsonb_each(?1) AS given
    CROSS JOIN json_each(given.value, '$.owns.entries') AS entry
    LIMIT -1
) AS owner
WHERE ledger.id = owner.entry AND ledger.job_id IS NULL
