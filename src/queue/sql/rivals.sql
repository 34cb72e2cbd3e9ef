-- For jobs that have ended: another job of their snapshot that is live.
SELECT jobs.id AS "id!: JobId", live.id AS "live!: JobId"
FROM json_each(?1) AS wanted
CROSS JOIN jobs ON jobs.id = wanted.value
CROSS JOIN jobs AS live ON live.lane_id = jobs.lane_id AND live.snapshot_name = jobs.snapshot_name
    AND live.finished_at IS NULL
