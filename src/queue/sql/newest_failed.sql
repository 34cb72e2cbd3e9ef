-- The failed jobs with the highest numbers; of these, those of a batch.
SELECT newest.id AS "id!: JobId"
FROM (
    SELECT id, batch_id FROM jobs
    WHERE state = 'failed'
    ORDER BY id DESC
    LIMIT ?2
) AS newest
WHERE ?1 IS NULL OR newest.batch_id = ?1
   OR EXISTS (SELECT 1 FROM batch_rows
              WHERE batch_rows.job_id = newest.id AND batch_rows.disposition = 'live' AND batch_rows.batch_id = ?1)
ORDER BY newest.id
