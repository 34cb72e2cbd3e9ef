-- The last exports of a lane that ended, the newest first. What was adopted, cancelled or refused shows no rate.
SELECT recent.finished_at AS "at!: Timestamp", recent.finished_at - recent.submitted_at AS "took!: Millis"
FROM (
    SELECT id, state, attempt, adopted, submitted_at, finished_at FROM jobs
    WHERE lane_id = ?1 AND finished_at IS NOT NULL AND finished_at <= ?2
    ORDER BY finished_at DESC
    LIMIT 10 * ?3
) AS recent
WHERE recent.adopted = 0 AND recent.submitted_at <= recent.finished_at
  AND (recent.state = 'succeeded' OR recent.state = 'failed' AND EXISTS (
      SELECT 1 FROM attempts
      WHERE attempts.job_id = recent.id AND attempts.number = recent.attempt
        AND (attempts.outcome = 'accepted' OR attempts.outcome = 'found')))
ORDER BY recent.finished_at DESC
LIMIT ?3
