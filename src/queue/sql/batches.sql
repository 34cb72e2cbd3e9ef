-- One batch, or all, each with its own jobs by state; shared jobs are counted separately.
SELECT batches.id AS "id!: BatchId", name AS "name!: BatchName", source, state AS "stage!: BatchStage",
       created_at AS "created_at!: Timestamp", sealed_at AS "sealed_at: Timestamp",
       json_array(rows_read, rows_new, rows_live, rows_repeated, rows_rejected) AS "rows!: RowCounts",
       carried AS "carried!: Texts", iif(paused_at IS NULL, NULL, json_array(paused_at, paused_by)) AS "paused: Pause",
       coalesce(own.jobs, '{}') AS "jobs!: StateCounts", '{}' AS "shared!: StateCounts"
FROM batches LEFT JOIN (
    SELECT batch_id, json_group_object(state, jobs) AS jobs
    FROM (SELECT batch_id, state, sum(jobs) AS jobs FROM job_counts
          WHERE ?1 IS NULL OR batch_id = ?1 GROUP BY batch_id, state)
    GROUP BY batch_id
) AS own ON own.batch_id = batches.id
WHERE (?1 IS NULL OR batches.id = ?1) AND pruned_at IS NULL
ORDER BY batches.id
