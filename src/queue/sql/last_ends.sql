-- The last exports of a lane that ended, the newest first. What was adopted or called off says nothing of the pace.
SELECT finished_at AS "at!: i64", finished_at - submitted_at AS "took!: i64"
FROM jobs
WHERE lane_id = ?1 AND finished_at IS NOT NULL AND finished_at <= ?2 AND state <> 'cancelled' AND adopted = 0
  AND submitted_at <= finished_at
ORDER BY finished_at DESC
LIMIT ?3
