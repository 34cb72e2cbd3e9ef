SELECT count(*) AS "read!: i64",
       coalesce(sum(disposition = 'new'), 0) AS "new!: i64",
       coalesce(sum(disposition = 'live'), 0) AS "live!: i64",
       coalesce(sum(disposition = 'repeated'), 0) AS "repeated!: i64"
FROM batch_rows WHERE batch_id = ?1
