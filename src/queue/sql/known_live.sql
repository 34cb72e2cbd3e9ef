-- Which of the names have a live job; jobs of a load in progress or killed do not count.
SELECT CAST(given.key AS INTEGER) AS "place!: u32", jobs.id AS "job!: JobId", jobs.state AS "state!: JobState"
FROM json_each(?1) AS given
CROSS JOIN lanes ON lanes.account = ?2 AND lanes.region = ?3
CROSS JOIN jobs ON jobs.lane_id = lanes.id AND jobs.snapshot_name = given.value
    AND jobs.finished_at IS NULL
CROSS JOIN batches ON batches.id = jobs.batch_id AND batches.state = 'sealed'
