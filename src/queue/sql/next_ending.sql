-- The first batch after ?1 of which every row has ended, and whose completion report is not written yet.
SELECT batches.id AS "batch!: BatchId", batches.name AS "name!: BatchName", batches.amended AS "amended!: i64"
FROM batches
WHERE batches.id > ?1 AND batches.state = 'sealed' AND batches.bundled IS NOT batches.amended
  AND NOT EXISTS (SELECT 1 FROM lanes
                  CROSS JOIN job_counts ON job_counts.lane_id = lanes.id AND job_counts.batch_id = batches.id
                  WHERE job_counts.jobs > 0 AND job_counts.state NOT IN ('succeeded', 'failed', 'cancelled'))
  -- Jobs of other batches that this one's rows point to.
  AND (batches.rows_live = 0
       OR NOT EXISTS (SELECT 1 FROM batch_rows
                      CROSS JOIN jobs ON jobs.id = batch_rows.job_id
                      WHERE batch_rows.batch_id = batches.id AND batch_rows.disposition = 'live'
                        AND jobs.finished_at IS NULL))
ORDER BY batches.id
LIMIT 1
