-- Each row points to the live job of its snapshot, which by now there is: the row's own, that of another line of the
-- batch, or that of an earlier batch.
INSERT INTO batch_rows (batch_id, line, job_id, disposition, carried)
SELECT ?3, given.value ->> 0, jobs.id,
       CASE WHEN jobs.batch_id <> ?3 THEN 'live' WHEN jobs.line = given.value ->> 0 THEN 'new' ELSE 'repeated' END,
       given.value ->> 4
FROM json_each(?1) AS given
CROSS JOIN jobs ON jobs.lane_id = ?2 AND jobs.snapshot_name = given.value ->> 1
    AND jobs.state IN ('queued', 'submitting', 'exporting', 'unknown', 'needs_review')
