-- Each row points to the live job of its snapshot, which exists by now: the row's own, that of another line of the
-- batch, or that of an earlier batch.
INSERT INTO batch_rows (batch_id, line, job_id, disposition, carried)
SELECT ?3, given.line, jobs.id,
       CASE WHEN jobs.batch_id <> ?3 THEN 'live' WHEN jobs.line = given.line THEN 'new' ELSE 'repeated' END,
       given.carried
FROM (SELECT value ->> 0 AS line, value ->> 1 AS name, value ->> 5 AS carried
      FROM (SELECT value FROM jsonb_each(?1) LIMIT -1)) AS given
CROSS JOIN jobs ON jobs.lane_id = ?2 AND jobs.snapshot_name = given.name
    AND jobs.finished_at IS NULL
