-- The rows of a chunk whose jobs were all made just now, one after the other from ?3 on, so that none has to be searched. That the
-- first has this id, and as many as there are rows the last, proves that no id between them is another's.
INSERT INTO batch_rows (batch_id, line, job_id, disposition, carried)
SELECT ?2, value ->> 0, ?3 + key, 'new', value ->> 5
FROM (SELECT key, value FROM jsonb_each(?1) LIMIT -1)
WHERE EXISTS (SELECT 1 FROM jobs WHERE id = ?3 AND batch_id = ?2 AND line = ?1 ->> '$[0][0]')
