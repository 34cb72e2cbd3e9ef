-- What was refused after a moment, by lane and code.
SELECT jobs.lane_id AS "lane!: LaneId", coalesce(recent.error_code, '') AS "code!: ErrorCode",
       recent.http_status AS "http_status: u16", count(*) AS "calls!: u64", max(recent.answered_at) AS "last!: Timestamp"
FROM (
    SELECT job_id, error_code, http_status, answered_at FROM attempts
    WHERE outcome = 'refused' AND answered_at > ?1 AND answered_at <= ?2
    ORDER BY answered_at DESC
    LIMIT ?3
) AS recent
CROSS JOIN jobs ON jobs.id = recent.job_id
GROUP BY jobs.lane_id, recent.error_code, recent.http_status
