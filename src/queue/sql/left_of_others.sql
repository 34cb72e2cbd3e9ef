-- What is left of the jobs of other batches to which the rows of a batch point, each job once; copies are not counted.
SELECT jobs.lane_id AS "lane!: LaneId", batches.id AS "batch!: BatchId", 0 AS "own!: bool",
       count(DISTINCT jobs.id) FILTER (WHERE jobs.state = 'queued') AS "queued!: u64",
       count(DISTINCT jobs.id) FILTER (WHERE jobs.state <> 'queued') AS "in_flight!: u64",
       count(DISTINCT jobs.id) FILTER (WHERE jobs.state = 'queued') AS "queued_copies!: u64",
       count(DISTINCT jobs.id) FILTER (WHERE jobs.state <> 'queued') AS "copies_in_flight!: u64",
       NULL AS "highest: i64", NULL AS "lowest: i64"
FROM batches
CROSS JOIN batch_rows ON batch_rows.batch_id = batches.id AND batch_rows.disposition = 'live'
CROSS JOIN jobs ON jobs.id = batch_rows.job_id AND jobs.state IN ('queued', 'submitting', 'exporting', 'unknown')
WHERE batches.rows_live > 0
GROUP BY jobs.lane_id, batches.id
