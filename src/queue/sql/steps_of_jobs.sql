-- Every change of state of the jobs whose ids stand in a JSON array.
SELECT transitions.job_id AS "job!: JobId", transitions.at AS "at!: Timestamp", transitions.from_state AS "from!: JobState",
       transitions.to_state AS "to!: JobState"
FROM json_each(?1) AS wanted
CROSS JOIN transitions ON transitions.job_id = wanted.value
WHERE transitions.from_state <> transitions.to_state
