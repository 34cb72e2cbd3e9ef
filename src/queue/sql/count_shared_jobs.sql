-- The jobs of other batches to which a batch's rows point, each once; only for batches that have such rows.
SELECT batch_rows.batch_id AS "batch!: BatchId", jobs.lane_id AS "lane!: LaneId", jobs.state AS "state!: JobState",
       count(DISTINCT jobs.id) AS "jobs!: u64"
FROM batches
CROSS JOIN batch_rows ON batch_rows.batch_id = batches.id AND batch_rows.disposition = 'live'
CROSS JOIN jobs ON jobs.id = batch_rows.job_id
WHERE batches.rows_live > 0 AND (?1 IS NULL OR batches.id = ?1)
GROUP BY batch_rows.batch_id, jobs.lane_id, jobs.state
