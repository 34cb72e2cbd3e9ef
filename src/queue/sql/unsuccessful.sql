SELECT (SELECT coalesce(sum(job_counts.jobs), 0)
        FROM job_counts JOIN batches ON batches.id = job_counts.batch_id
        WHERE batches.state = 'sealed' AND (?1 IS NULL OR batches.id = ?1)
          AND job_counts.state NOT IN ('succeeded', 'cancelled'))
     + (SELECT count(DISTINCT jobs.id)
        FROM batches CROSS JOIN batch_rows ON batch_rows.batch_id = batches.id AND batch_rows.disposition = 'live'
        JOIN jobs ON jobs.id = batch_rows.job_id
        WHERE batches.id = ?1 AND batches.rows_live > 0
          AND jobs.state NOT IN ('succeeded', 'cancelled')) AS "count!: u64"
