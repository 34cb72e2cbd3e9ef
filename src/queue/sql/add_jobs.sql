-- A snapshot of the lane that is live already keeps its job; a time that has passed holds nothing back. `NewRow` defines the positions.
INSERT INTO jobs (lane_id, batch_id, line, snapshot_name, priority, existing, state, due_at, queued_at)
SELECT ?2, ?3, value ->> 0, value ->> 1, value ->> 2, value ->> 4, 'queued', iif(value ->> 3 > ?4, value ->> 3, NULL), ?4
FROM (SELECT value FROM jsonb_each(?1) LIMIT -1)
WHERE true
ON CONFLICT (lane_id, snapshot_name)
    WHERE finished_at IS NULL DO NOTHING
