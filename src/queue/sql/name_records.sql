-- A record that was first shown without its ARN is stored under its name until it is shown with it.
UPDATE ledger SET "key" = shown.arn
FROM (SELECT nameless.id, given.arn
      FROM (SELECT value ->> 'key' AS arn, value ->> 'record_name' AS name FROM jsonb_each(?1)
            WHERE value ->> 'kind' = 'record' AND value ->> 'record_name' <> value ->> 'key') AS given
      CROSS JOIN ledger AS nameless ON nameless.lane_id = ?2 AND nameless.kind = 'record'
          AND nameless."key" = given.name
      LIMIT -1) AS shown
WHERE ledger.id = shown.id
  AND NOT EXISTS (SELECT 1 FROM ledger AS known
                  WHERE known.lane_id = ?2 AND known.kind = 'record' AND known."key" = shown.arn)
RETURNING ledger."key" AS "arn!", record_name AS "name!", snapshot_name AS "snapshot!", job_id
