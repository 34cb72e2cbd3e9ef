-- One look into the claim index for each batch that may be sent for; the best of them all. A paused or loading batch is
-- never walked through, nor one that a breaker has stopped. ?4 is how often those were denied at most. Batches take turns
-- at each priority, a job at a time; ?5 is the batch that had the last turn.
SELECT jobs.id AS "id!: i64", jobs.batch_id AS "batch!: i64", jobs.snapshot_name, jobs.attempt AS "attempt!: u32",
       jobs.used AS "used!: u32", jobs.denials AS "denials!: u32", snapshots.weight AS "weight!: u32", snapshots.arn
FROM (
    SELECT ready.id, ready.priority, ready.batch_id,
           row_number() OVER (PARTITION BY ready.batch_id, ready.priority ORDER BY ready.id) AS turn
    FROM tallies
    JOIN batches ON batches.id = tallies.batch_id AND batches.state = 'sealed' AND batches.paused_at IS NULL
    JOIN clearances ON clearances.lane_id = tallies.lane_id AND clearances.batch_id = tallies.batch_id
        AND clearances.run_id = ?2
    JOIN jobs AS ready ON ready.id IN (
        SELECT best.id FROM jobs AS best
        WHERE best.lane_id = ?1 AND best.batch_id = tallies.batch_id
          AND best.state = 'queued' AND best.hold IS NULL AND best.due_at IS NULL AND best.paused_at IS NULL
          AND best.denials <= ?4
          -- A listing may have seen that it is not ready while something else held the job.
          AND EXISTS (SELECT 1 FROM snapshots
                      WHERE snapshots.lane_id = best.lane_id AND snapshots.name = best.snapshot_name
                        AND snapshots.state NOT IN ('pending', 'error'))
          -- What the ledger says of it is acted upon first.
          AND NOT EXISTS (SELECT 1 FROM ledger
                          WHERE ledger.lane_id = best.lane_id AND ledger.snapshot_name = best.snapshot_name
                            AND ledger.news = 1)
        ORDER BY best.priority DESC, best.id
        LIMIT ?3)
    WHERE tallies.lane_id = ?1 AND tallies.state = 'queued' AND tallies.jobs > 0
      AND NOT EXISTS (SELECT 1 FROM trips
                      WHERE trips.lane_id = ?1 AND trips.closed_at IS NULL
                        AND (trips.batch_id IS NULL OR trips.batch_id = tallies.batch_id))
    ORDER BY ready.priority DESC, turn, ready.batch_id <= ?5, ready.batch_id
    LIMIT ?3) AS next
CROSS JOIN jobs ON jobs.id = next.id
CROSS JOIN snapshots ON snapshots.lane_id = jobs.lane_id AND snapshots.name = jobs.snapshot_name
ORDER BY next.priority DESC, next.turn, next.batch_id <= ?5, next.batch_id
