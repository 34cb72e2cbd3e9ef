-- The jobs that open breakers of a lane may let go: those that they have let go already and that are queued again, then
-- the first of each batch of which every open breaker is due.
SELECT jobs.id AS "id!: i64", jobs.batch_id AS "batch!: i64", jobs.snapshot_name, jobs.attempt AS "attempt!: u32",
       jobs.used AS "used!: u32", jobs.denials AS "denials!: u32", snapshots.weight AS "weight!: u32", snapshots.arn
FROM (SELECT id, max(chosen) AS chosen FROM (
    SELECT trips.probe AS id, 1 AS chosen
    FROM trips
    JOIN jobs ON jobs.id = trips.probe AND jobs.state = 'queued'
        AND jobs.hold IS NULL AND jobs.due_at IS NULL AND jobs.paused_at IS NULL
    WHERE trips.lane_id = ?1 AND trips.closed_at IS NULL
      AND NOT EXISTS (SELECT 1 FROM trips AS other
                      WHERE other.lane_id = ?1 AND other.closed_at IS NULL
                        AND (other.batch_id IS NULL OR other.batch_id = jobs.batch_id)
                        AND other.probe IS NOT jobs.id AND other.id NOT IN (SELECT value FROM json_each(?3)))
    UNION ALL
    SELECT (SELECT best.id FROM jobs AS best
            WHERE best.lane_id = ?1 AND best.batch_id = tallies.batch_id
              AND best.state = 'queued' AND best.hold IS NULL AND best.due_at IS NULL AND best.paused_at IS NULL
              AND EXISTS (SELECT 1 FROM snapshots
                          WHERE snapshots.lane_id = best.lane_id AND snapshots.name = best.snapshot_name
                            AND snapshots.state NOT IN ('pending', 'error'))
              AND NOT EXISTS (SELECT 1 FROM ledger
                              WHERE ledger.lane_id = best.lane_id AND ledger.snapshot_name = best.snapshot_name
                                AND ledger.news = 1)
            ORDER BY best.priority DESC, best.id
            LIMIT 1), 0
    FROM tallies
    WHERE tallies.lane_id = ?1 AND tallies.state = 'queued' AND tallies.jobs > 0
      AND EXISTS (SELECT 1 FROM trips
                  WHERE trips.lane_id = ?1 AND trips.closed_at IS NULL
                    AND (trips.batch_id IS NULL OR trips.batch_id = tallies.batch_id))
      AND NOT EXISTS (SELECT 1 FROM trips
                      WHERE trips.lane_id = ?1 AND trips.closed_at IS NULL
                        AND (trips.batch_id IS NULL OR trips.batch_id = tallies.batch_id)
                        AND trips.id NOT IN (SELECT value FROM json_each(?3)))
) GROUP BY id) AS may
JOIN jobs ON jobs.id = may.id
JOIN batches ON batches.id = jobs.batch_id AND batches.state = 'sealed' AND batches.paused_at IS NULL
JOIN clearances ON clearances.lane_id = jobs.lane_id AND clearances.batch_id = jobs.batch_id AND clearances.run_id = ?2
JOIN snapshots ON snapshots.lane_id = jobs.lane_id AND snapshots.name = jobs.snapshot_name
    AND snapshots.state NOT IN ('pending', 'error')
WHERE NOT EXISTS (SELECT 1 FROM ledger
                  WHERE ledger.lane_id = jobs.lane_id AND ledger.snapshot_name = jobs.snapshot_name AND ledger.news = 1)
ORDER BY may.chosen DESC, jobs.priority DESC, jobs.id
LIMIT 8
