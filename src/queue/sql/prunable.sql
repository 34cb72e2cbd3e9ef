-- The first batch after ?2 that is over, whose completion report was written by ?1 and is up to date, and to whose jobs no row of
-- another batch points.
SELECT batches.id AS "batch!: BatchId", batches.name AS "name!: BatchName"
FROM batches
WHERE batches.id > ?2 AND batches.state = 'sealed' AND batches.bundled = batches.amended AND batches.bundled_at <= ?1
  AND NOT EXISTS (SELECT 1 FROM batch_rows AS own
                  CROSS JOIN batch_rows AS other ON other.job_id = own.job_id AND other.disposition = 'live'
                  WHERE own.batch_id = batches.id AND own.disposition = 'new')
ORDER BY batches.id
LIMIT 1
