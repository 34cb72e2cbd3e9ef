INSERT INTO transitions (job_id, step, at, from_state, to_state, event, attempt, error_code, error_message, actor)
SELECT jobs.id, jobs.step, given.at, from_state, to_state, event, jobs.attempt, code, message, actor
FROM (
    SELECT value ->> 0 AS job, value ->> 1 AS from_state, value ->> 4 AS to_state, value ->> 19 AS code,
           value ->> 20 AS message, value ->> 21 AS event, value ->> 22 AS actor, value ->> 23 AS at
    FROM (SELECT value FROM json_each(?1) LIMIT -1)
) AS given
CROSS JOIN jobs ON jobs.id = given.job
