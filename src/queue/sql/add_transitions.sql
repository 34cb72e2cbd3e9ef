INSERT INTO transitions (job_id, step, at, from_state, to_state, event, attempt, error_code, error_message, actor)
SELECT jobs.id, jobs.step, value ->> 'at', value ->> 'from', value ->> 'to', value ->> 'event', jobs.attempt,
       value ->> 'code', value ->> 'message', value ->> 'actor'
FROM json_each(?1) JOIN jobs ON jobs.id = value ->> 'job'
