-- The rows of lines that all made a job of their own: no look-up by name.
INSERT INTO batch_rows (batch_id, line, job_id, disposition)
SELECT batch_id, line, id, 'new' FROM jobs WHERE batch_id = ?1 AND line BETWEEN ?2 AND ?3
