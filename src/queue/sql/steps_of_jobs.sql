-- Every change of state of the jobs whose ids stand in a JSON array.
SELECT transitions.job_id AS "job!: i64", transitions.at AS "at!: i64", transitions.from_state AS "from_state!",
       transitions.to_state AS "to_state!"
FROM json_each(?1) AS wanted
CROSS JOIN transitions ON transitions.job_id = wanted.value
WHERE transitions.from_state <> transitions.to_state
