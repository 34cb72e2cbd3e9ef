-- Which of the names have a finished export, by the records that were seen; only with an ARN, as a name may be reused.
SELECT CAST(given.key AS INTEGER) AS "place!: u32", ledger.job_id AS "job: JobId", ledger.snapshot_arn AS "arn!: SnapshotArn",
       ledger.destination_id AS "destination!"
FROM json_each(?1) AS given
CROSS JOIN lanes ON lanes.account = ?2 AND lanes.region = ?3
CROSS JOIN ledger ON ledger.lane_id = lanes.id AND ledger.snapshot_name = given.value AND ledger.kind = 'record'
    AND ledger.status = 'succeeded' AND ledger.snapshot_arn IS NOT NULL AND ledger.destination_id IS NOT NULL
ORDER BY ledger.id
