-- A snapshot of the lane that is live already keeps its job.
INSERT INTO jobs (lane_id, batch_id, line, snapshot_name, priority, existing, state, due_at, queued_at)
SELECT ?2, ?3, value ->> 0, value ->> 1, value ->> 2, ?4, 'queued', value ->> 3, ?5
FROM (SELECT value FROM json_each(?1) LIMIT -1)
WHERE true
ON CONFLICT (lane_id, snapshot_name)
    WHERE finished_at IS NULL DO NOTHING
