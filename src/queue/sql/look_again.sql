-- A job that comes back to the queue may have been exported by another hand meanwhile: what the ledger has of its name
-- is acted upon anew before it is sent.
UPDATE ledger SET news = 1
FROM (SELECT jobs.lane_id, jobs.snapshot_name
      FROM json_each(?1) JOIN jobs ON jobs.id = value ->> 'job'
      WHERE value ->> 'to' = 'queued' AND value ->> 'from' <> 'submitting') AS back
WHERE ledger.lane_id = back.lane_id AND ledger.snapshot_name = back.snapshot_name AND ledger.news = 0
