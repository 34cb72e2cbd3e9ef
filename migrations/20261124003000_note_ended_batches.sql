-- A completion report is written once for each ending of a batch. `amended` counts how often something changed of a row
-- that had ended (a retry, a duplicate that was found late); `bundled` is the count for which the report was written.

ALTER TABLE batches ADD COLUMN amended INTEGER NOT NULL DEFAULT 0 CHECK (amended >= 0);
ALTER TABLE batches ADD COLUMN bundled INTEGER CHECK (bundled BETWEEN 0 AND amended);

-- From a job to the other batches that count on it.
CREATE INDEX batch_rows_shared ON batch_rows (job_id) WHERE disposition = 'live';

CREATE TRIGGER jobs_amended AFTER UPDATE OF state, error_code, error_message ON jobs WHEN OLD.finished_at IS NOT NULL
BEGIN
    UPDATE batches SET amended = amended + 1 WHERE id = OLD.batch_id;
    UPDATE batches SET amended = amended + 1
    WHERE id IN (SELECT batch_id FROM batch_rows WHERE job_id = OLD.id AND disposition = 'live');
END;
