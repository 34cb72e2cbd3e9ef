-- A pause lies over what else a queued job waits for, and takes none of it away: a column of its own. And what a person
-- has sent again is done with what the ledger shows of it by then.

ALTER TABLE jobs ADD COLUMN paused_at INTEGER CHECK (paused_at IS NULL OR state = 'queued');

-- Where a person had it sent again: the last entry of the ledger that was known then. None up to it is the job's, and it
-- adopts no other export.
ALTER TABLE jobs ADD COLUMN forgone INTEGER CHECK (forgone >= 0);

-- What was paused as a hold waits for a listing beneath it, as it would have after its resumption.
UPDATE jobs SET
    paused_at = coalesce((SELECT max(at) FROM transitions
                          WHERE transitions.job_id = jobs.id AND transitions.event = 'pause'), queued_at),
    hold = 'listing'
WHERE state = 'queued' AND hold = 'paused';

DROP INDEX jobs_claim;
CREATE INDEX jobs_claim ON jobs (lane_id, batch_id, priority DESC, id)
    WHERE state = 'queued' AND hold IS NULL AND due_at IS NULL AND paused_at IS NULL;
CREATE INDEX jobs_paused ON jobs (lane_id) WHERE paused_at IS NOT NULL;
