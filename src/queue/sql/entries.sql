-- The entries of these snapshots' names, each as it was observed: `Observation` in JSON.
SELECT ledger.id AS "id!: i64",
       json_object('kind', kind, 'key', ledger."key", 'snapshot', snapshot_name, 'snapshot_arn', snapshot_arn, 'status', status,
                   'record_name', record_name,
                   'destination', json(iif(destination_id IS NULL, NULL, json_object(
                       'service', coalesce(destination_service, ''), 'id', destination_id))),
                   'failure', json(iif(error_code IS NULL, NULL, json_object(
                       'code', error_code, 'message', coalesce(error_message, '')))),
                   'created_at', created_at) AS "sighting!: Observation",
       iif(job_id IS NULL, 'null', json_array(job_id, attempt)) AS "owner!: EntryOwner"
FROM json_each(?2) AS wanted CROSS JOIN ledger
WHERE ledger.lane_id = ?1 AND ledger.snapshot_name = wanted.value
ORDER BY ledger.id
