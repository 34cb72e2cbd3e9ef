-- A snapshot of the lane that is live already keeps its job. ?6 is the priority of rows that are given as a line alone.
INSERT INTO jobs (lane_id, batch_id, line, snapshot_name, priority, existing, state, due_at, queued_at)
SELECT ?2, ?3, iif(type = 'integer', value, value ->> 0), "key", iif(type = 'integer', ?6, value ->> 1), ?4, 'queued',
       iif(type = 'integer', NULL, value ->> 2), ?5
FROM (SELECT "key", type, value FROM jsonb_each(?1) LIMIT -1)
WHERE true
ON CONFLICT (lane_id, snapshot_name)
    WHERE finished_at IS NULL DO NOTHING
