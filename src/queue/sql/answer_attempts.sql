UPDATE attempts SET
    outcome = t ->> '$.answer.outcome',
    -- What the ledger showed later is no response.
    answered_at = iif(t ->> '$.answer.outcome' IN ('found', 'absent'), answered_at, t ->> '$.at'),
    http_status = coalesce(t ->> '$.answer.http_status', http_status),
    request_id = coalesce(t ->> '$.answer.request_id', request_id),
    error_code = coalesce(t ->> '$.answer.failure.code', error_code),
    error_message = coalesce(t ->> '$.answer.failure.message', error_message)
FROM (SELECT value AS t FROM jsonb_each(?1) LIMIT -1)
WHERE attempts.job_id = t ->> '$.job' AND attempts.number = t ->> '$.expected_attempt'
