UPDATE attempts SET
    outcome = answer.outcome,
    answered_at = CASE WHEN answer.answered THEN answer.at ELSE answered_at END,
    http_status = coalesce(answer.status, http_status),
    request_id = coalesce(answer.request, request_id),
    error_code = coalesce(answer.code, error_code),
    error_message = coalesce(answer.message, error_message)
FROM (
    SELECT value ->> 'job' AS job, value ->> 'number' AS number, value ->> 'outcome' AS outcome,
           value ->> 'answered' AS answered, value ->> 'at' AS at, value ->> 'status' AS status,
           value ->> 'request' AS request, value ->> 'code' AS code, value ->> 'message' AS message
    FROM json_each(?1)
) AS answer
WHERE attempts.job_id = answer.job AND attempts.number = answer.number
