INSERT INTO snapshots (lane_id, name, arn, kind, state, weight, size_gb, created_at, inventory)
SELECT ?2, value ->> 'name', value ->> 'arn', value ->> 'kind', value ->> 'state', max(value ->> 'weight', 1),
       value ->> 'size_gb', value ->> 'created_at', ?3
FROM jsonb_each(?1)
WHERE true
ON CONFLICT (lane_id, name) DO UPDATE SET
    arn = excluded.arn, kind = excluded.kind, state = excluded.state, weight = excluded.weight,
    size_gb = excluded.size_gb, created_at = excluded.created_at, inventory = excluded.inventory
