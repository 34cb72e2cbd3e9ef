-- Jobs that returned to the queue may have been exported by another client meanwhile: the entries of their names are processed again
-- before they are sent.
UPDATE ledger SET unprocessed = 1
FROM (SELECT jobs.lane_id, jobs.snapshot_name
      FROM jsonb_each(?1) AS given
      CROSS JOIN jobs ON jobs.id = given.value ->> '$.job'
      LIMIT -1) AS back
WHERE ledger.lane_id = back.lane_id AND ledger.snapshot_name = back.snapshot_name AND ledger.unprocessed = 0
