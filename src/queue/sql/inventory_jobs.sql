-- Jobs of one batch, or, without a batch, those of any that wait for an inventory, and those of batches that an earlier
-- inventory of this run has covered and whose snapshot is gone or not ready since: nothing else would process them.
SELECT jobs.id AS "job!: JobId", jobs.snapshot_name AS "snapshot: SnapshotName", jobs.attempt AS "attempt!: u32", jobs.used AS "used!: u32",
       jobs.existing = 'adopt' AND jobs.ignored_through IS NULL AS "adopts!: bool", jobs.hold IS 'inventory' AS "held!: bool",
       snapshots.state AS "snapshot_state?", snapshots.arn AS "snapshot_arn?: SnapshotArn",
       EXISTS (SELECT 1 FROM ledger WHERE ledger.lane_id = jobs.lane_id AND ledger.snapshot_name = jobs.snapshot_name)
           AS "in_ledger!: bool"
FROM jobs
CROSS JOIN batches ON batches.id = jobs.batch_id AND batches.state = 'sealed'
LEFT JOIN snapshots ON snapshots.lane_id = jobs.lane_id AND snapshots.name = jobs.snapshot_name
WHERE jobs.lane_id = ?1 AND jobs.state = 'queued' AND jobs.id > ?3
  AND (jobs.batch_id = ?2 OR (?2 IS NULL AND (
      jobs.hold = 'inventory'
      OR ((snapshots.name IS NULL OR snapshots.state IN ('pending', 'error')) AND EXISTS (
          SELECT 1 FROM inventories
          WHERE inventories.lane_id = jobs.lane_id AND inventories.batch_id = jobs.batch_id AND inventories.run_id = ?5)))))
ORDER BY jobs.id
LIMIT ?4
