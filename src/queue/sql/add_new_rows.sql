-- The rows of a chunk whose jobs were all inserted just now, with consecutive ids from ?3 on, so that none has to be searched. The first
-- and the last id prove that none between them belongs to another.
INSERT INTO batch_rows (batch_id, line, job_id, disposition, carried)
SELECT ?2, value ->> 0, ?3 + key, 'new', value ->> 5
FROM (SELECT key, value FROM jsonb_each(?1) LIMIT -1)
WHERE EXISTS (SELECT 1 FROM jobs WHERE id = ?3 AND batch_id = ?2 AND line = ?1 ->> '$[0][0]')
