-- An end that was seen stays: an older page does not undo it.
INSERT INTO ledger (lane_id, kind, key, snapshot_name, snapshot_arn, status, record_name, destination_service,
                    destination_id, error_code, error_message, created_at, seen_at, unprocessed)
SELECT ?2, value ->> 'kind',
       -- A record that was seen with its ARN, and is shown without it now, is the same.
       CASE WHEN value ->> 'kind' = 'record' AND value ->> 'key' = value ->> 'record_name'
            THEN coalesce((SELECT known."key" FROM ledger AS known
                           WHERE known.lane_id = ?2 AND known.snapshot_name = value ->> 'snapshot'
                             AND known.kind = 'record' AND known.record_name = value ->> 'record_name'),
                          value ->> 'key')
            ELSE value ->> 'key' END,
       value ->> 'snapshot', value ->> 'snapshot_arn', value ->> 'status',
       value ->> 'record_name', value ->> '$.destination.service', value ->> '$.destination.id',
       value ->> '$.failure.code', value ->> '$.failure.message', value ->> 'created_at', ?3, 1
FROM jsonb_each(?1)
WHERE true
ON CONFLICT (lane_id, kind, key) DO UPDATE SET
    status = CASE WHEN ledger.status = 'under_way' THEN excluded.status ELSE ledger.status END,
    snapshot_arn = coalesce(excluded.snapshot_arn, ledger.snapshot_arn),
    record_name = coalesce(excluded.record_name, ledger.record_name),
    destination_service = coalesce(excluded.destination_service, ledger.destination_service),
    destination_id = coalesce(excluded.destination_id, ledger.destination_id),
    error_code = coalesce(excluded.error_code, ledger.error_code),
    error_message = coalesce(excluded.error_message, ledger.error_message),
    created_at = coalesce(ledger.created_at, excluded.created_at),
    seen_at = excluded.seen_at,
    unprocessed = 1
WHERE (ledger.status = 'under_way' AND excluded.status <> 'under_way')
   OR (ledger.destination_id IS NULL AND excluded.destination_id IS NOT NULL)
   OR (ledger.error_code IS NULL AND excluded.error_code IS NOT NULL)
   OR (ledger.snapshot_arn IS NULL AND excluded.snapshot_arn IS NOT NULL)
