INSERT INTO transitions (job_id, step, at, from_state, to_state, event, attempt, error_code, error_message, actor)
SELECT jobs.id, jobs.step, t ->> '$.at', t ->> '$.from', t ->> '$.to', t ->> '$.event', jobs.attempt,
       t ->> '$.failure.code', t ->> '$.failure.message', t ->> '$.actor'
FROM (SELECT value AS t FROM jsonb_each(?1) LIMIT -1)
CROSS JOIN jobs ON jobs.id = t ->> '$.job'
