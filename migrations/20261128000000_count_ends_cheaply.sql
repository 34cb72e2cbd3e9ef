-- The trigger that counts what ended was a third of what a job's way costs: its condition made a list of four anew for each
-- change of a job, and each end built a string of what ended lately twice to count the failures in it.
DROP TRIGGER jobs_outcome;
CREATE TRIGGER jobs_outcome AFTER UPDATE OF state ON jobs
WHEN (NEW.state = 'succeeded' OR NEW.state = 'failed') AND OLD.finished_at IS NULL AND OLD.state <> 'needs_review'
    AND NEW.attempt > 0 AND NEW.adopted = 0
BEGIN
    INSERT INTO outcomes (lane_id, batch_id, recent, failed, code, in_a_row)
    VALUES (NEW.lane_id, NEW.batch_id, CASE NEW.state WHEN 'failed' THEN 'f' ELSE 's' END, NEW.state = 'failed',
            CASE NEW.state WHEN 'failed' THEN NEW.error_code END, NEW.state = 'failed')
    ON CONFLICT DO UPDATE SET
        recent = substr(recent || excluded.recent, -200),
        -- Of two hundred the oldest makes room.
        failed = failed + excluded.failed - (length(recent) = 200 AND substr(recent, 1, 1) = 'f'),
        code = excluded.code,
        in_a_row = CASE WHEN excluded.code IS NULL THEN 0 WHEN excluded.code = code THEN in_a_row + 1 ELSE 1 END;
    INSERT INTO outcomes (lane_id, batch_id, recent, failed, code, in_a_row)
    VALUES (NEW.lane_id, 0, CASE NEW.state WHEN 'failed' THEN 'f' ELSE 's' END, NEW.state = 'failed',
            CASE NEW.state WHEN 'failed' THEN NEW.error_code END, NEW.state = 'failed')
    ON CONFLICT DO UPDATE SET
        recent = substr(recent || excluded.recent, -200),
        failed = failed + excluded.failed - (length(recent) = 200 AND substr(recent, 1, 1) = 'f'),
        code = excluded.code,
        in_a_row = CASE WHEN excluded.code IS NULL THEN 0 WHEN excluded.code = code THEN in_a_row + 1 ELSE 1 END;
END;

-- No query asks by it.
DROP INDEX attempts_absent;
