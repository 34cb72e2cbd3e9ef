-- Walks the claim index of each batch that may be sent for, as far as the job's place and no further than the limit.
SELECT count(*) AS "count!: i64" FROM (
    SELECT 1
    FROM tallies
    CROSS JOIN batches ON batches.id = tallies.batch_id AND batches.state = 'sealed' AND batches.paused_at IS NULL
    CROSS JOIN jobs ON jobs.lane_id = tallies.lane_id AND jobs.batch_id = tallies.batch_id
        AND jobs.state = 'queued' AND jobs.hold IS NULL AND jobs.due_at IS NULL AND jobs.paused_at IS NULL
        AND jobs.priority > ?2
    WHERE tallies.lane_id = ?1 AND tallies.state = 'queued' AND tallies.jobs > 0
      AND NOT EXISTS (SELECT 1 FROM trips
                      WHERE trips.lane_id = ?1 AND trips.closed_at IS NULL
                        AND (trips.batch_id IS NULL OR trips.batch_id = tallies.batch_id))
    UNION ALL
    SELECT 1
    FROM tallies
    CROSS JOIN batches ON batches.id = tallies.batch_id AND batches.state = 'sealed' AND batches.paused_at IS NULL
    CROSS JOIN jobs ON jobs.lane_id = tallies.lane_id AND jobs.batch_id = tallies.batch_id
        AND jobs.state = 'queued' AND jobs.hold IS NULL AND jobs.due_at IS NULL AND jobs.paused_at IS NULL
        AND jobs.priority = ?2 AND jobs.id < ?3
    WHERE tallies.lane_id = ?1 AND tallies.state = 'queued' AND tallies.jobs > 0
      AND NOT EXISTS (SELECT 1 FROM trips
                      WHERE trips.lane_id = ?1 AND trips.closed_at IS NULL
                        AND (trips.batch_id IS NULL OR trips.batch_id = tallies.batch_id))
    LIMIT ?4)
