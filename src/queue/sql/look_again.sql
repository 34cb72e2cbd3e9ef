-- Jobs that came back to the queue may have been exported by another hand meanwhile: what the ledger has of their names
-- is acted upon anew before they are sent.
UPDATE ledger SET news = 1
FROM (SELECT jobs.lane_id, jobs.snapshot_name
      FROM json_each(?1) AS given
      CROSS JOIN jobs ON jobs.id = given.value
      LIMIT -1) AS back
WHERE ledger.lane_id = back.lane_id AND ledger.snapshot_name = back.snapshot_name AND ledger.news = 0
