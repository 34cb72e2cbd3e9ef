-- Batches that are over and reported can be pruned. One that is being taken away is `loading` again, so that nothing of it is
-- seen, and says since when. What is pruned is as old as its completion report.

ALTER TABLE batches ADD COLUMN pruned_at INTEGER;
ALTER TABLE batches ADD COLUMN bundled_at INTEGER;
UPDATE batches SET bundled_at = coalesce((SELECT max(finished_at) FROM jobs WHERE jobs.batch_id = batches.id), sealed_at)
WHERE bundled IS NOT NULL;

-- What the ledger says outlives the jobs: by it a snapshot that was exported is adopted, and an entry that had an owner stays
-- nobody else's. So its owner is a number that may stand for a job that is gone; numbers are never given twice.
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(sql, 'INTEGER REFERENCES jobs (id),', 'INTEGER,')
WHERE type = 'table' AND name = 'ledger';
PRAGMA writable_schema = RESET;

-- Whoever has the file open reads the schema anew.
DROP INDEX ledger_owner;
CREATE INDEX ledger_owner ON ledger (job_id, attempt) WHERE job_id IS NOT NULL;
