-- One look into the claim index for each batch that may be sent for; the best of them all. A paused or loading batch is
-- never walked through, nor one that a circuit breaker has stopped. ?4 is how often those were denied at most. Batches take
-- turns at each priority, a job at a time; ?5 is the batch that had the last turn.
SELECT job.id AS "job!: JobId", job.batch_id AS "batch!: BatchId", job.snapshot_name AS "snapshot!: SnapshotName",
       job.attempt AS "attempt!: u32", job.used AS "used!: u32", job.weight AS "weight!: u32",
       job.arn AS "source_arn: SnapshotArn", job.denials AS "denials!: u32"
FROM (
    SELECT ready.id, ready.priority, ready.batch_id,
           row_number() OVER (PARTITION BY ready.batch_id, ready.priority ORDER BY ready.id) AS turn
    FROM tallies
    JOIN batches ON batches.id = tallies.batch_id AND batches.state = 'sealed' AND batches.paused_at IS NULL
    JOIN clearances ON clearances.lane_id = tallies.lane_id AND clearances.batch_id = tallies.batch_id
        AND clearances.run_id = ?2
    JOIN jobs AS ready ON ready.id IN (
        SELECT best.id FROM sendable_jobs AS best
        WHERE best.lane_id = ?1 AND best.batch_id = tallies.batch_id AND best.denials <= ?4
        ORDER BY best.priority DESC, best.id
        LIMIT ?3)
    WHERE tallies.lane_id = ?1 AND tallies.state = 'queued' AND tallies.jobs > 0
      AND NOT EXISTS (SELECT 1 FROM trips
                      WHERE trips.lane_id = ?1 AND trips.closed_at IS NULL
                        AND (trips.batch_id IS NULL OR trips.batch_id = tallies.batch_id))
    ORDER BY ready.priority DESC, turn, ready.batch_id <= ?5, ready.batch_id
    LIMIT ?3) AS next
CROSS JOIN sendable_jobs AS job ON job.id = next.id
ORDER BY next.priority DESC, next.turn, next.batch_id <= ?5, next.batch_id
