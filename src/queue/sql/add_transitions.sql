-- From ?2 to ?3 by the event ?4, by ?5.
INSERT INTO transitions (job_id, step, at, from_state, to_state, event, attempt, error_code, error_message, actor)
SELECT jobs.id, jobs.step, given.at, ?2, ?3, ?4, jobs.attempt, code, message, ?5
FROM (
    SELECT value ->> 0 AS job, value ->> 13 AS code, value ->> 14 AS message, value ->> 15 AS at
    FROM (SELECT value FROM jsonb_each(?1) LIMIT -1)
) AS given
CROSS JOIN jobs ON jobs.id = given.job
