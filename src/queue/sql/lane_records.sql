-- One lane, or all: those that have a batch in the stage ?2, or any.
SELECT id AS "id!: LaneId", account || ' ' || region AS "lane!: Lane", account_number AS "account_number: AccountNumber",
       proven AS "proven!: bool", learned_rate, learned_read_rate,
       iif(lowered_cap IS NULL, NULL, json_array(lowered_cap, lowered_at, lowered_code)) AS "lowered: LoweredCap",
       json_array(longest_delay, delay_seen_at) AS "delay!: ListDelay", listed_at AS "listed_at: Timestamp",
       iif(blocked_at IS NULL, NULL, json_array(blocked_at, blocked_code, coalesce(blocked_message, blocked_code)))
           AS "blocked: Block",
       iif(paused_at IS NULL, NULL, json_array(paused_at, paused_by)) AS "paused: Pause"
FROM lanes
-- A range, so that one lane is found without a scan.
WHERE id BETWEEN coalesce(?1, 0) AND coalesce(?1, 9223372036854775807)
  AND (?2 IS NULL OR EXISTS (SELECT 1 FROM job_counts JOIN batches ON batches.id = job_counts.batch_id
                             WHERE job_counts.lane_id = lanes.id AND batches.state = ?2))
ORDER BY +account, +region
