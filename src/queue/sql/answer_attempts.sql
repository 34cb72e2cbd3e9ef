UPDATE attempts SET
    outcome = answer.outcome,
    answered_at = CASE WHEN answer.answered THEN answer.at ELSE answered_at END,
    http_status = coalesce(answer.status, http_status),
    request_id = coalesce(answer.request, request_id),
    error_code = coalesce(answer.code, error_code),
    error_message = coalesce(answer.message, error_message)
FROM (
    SELECT value ->> 0 AS job, value ->> 1 AS number, value ->> 3 AS at, value ->> 4 AS outcome, value ->> 5 AS status,
           value ->> 6 AS request, value ->> 7 AS code, value ->> 8 AS message, value ->> 9 AS answered
    FROM (SELECT value FROM jsonb_each(?1) LIMIT -1)
) AS answer
WHERE attempts.job_id = answer.job AND attempts.number = answer.number
