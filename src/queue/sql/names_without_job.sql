-- The names of rows that have no live job. Jobs of a load in progress or killed do not count.
SELECT value ->> 1 AS "name!: String"
FROM json_each(?1)
WHERE NOT EXISTS (
    SELECT 1 FROM lanes
    CROSS JOIN jobs ON jobs.lane_id = lanes.id AND jobs.snapshot_name = value ->> 1
        AND jobs.finished_at IS NULL
    CROSS JOIN batches ON batches.id = jobs.batch_id AND batches.state = 'sealed'
    WHERE lanes.account = ?2 AND lanes.region = ?3)
