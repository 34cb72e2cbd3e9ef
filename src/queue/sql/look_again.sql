-- A job that comes back to the queue may have been exported by another hand meanwhile: what the ledger has of its name
-- is acted upon anew before it is sent.
UPDATE ledger SET news = 1
FROM (SELECT jobs.lane_id, jobs.snapshot_name
      FROM (SELECT value ->> 0 AS job, value ->> 1 AS from_state, value ->> 4 AS to_state
            FROM (SELECT value FROM json_each(?1) LIMIT -1)) AS given
      CROSS JOIN jobs ON jobs.id = given.job
      WHERE to_state = 'queued' AND from_state <> 'submitting'
      LIMIT -1) AS back
WHERE ledger.lane_id = back.lane_id AND ledger.snapshot_name = back.snapshot_name AND ledger.news = 0
