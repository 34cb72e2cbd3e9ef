-- What people do to the pace stands in the history too: the pause of a job is a change within `queued`, and each pause
-- of a batch or of a lane is a row of its own that outlives it. SQLite changes no CHECK, so the table is made anew.

CREATE TABLE transitions_with_pauses (
    job_id        INTEGER NOT NULL REFERENCES jobs (id),
    step          INTEGER NOT NULL,
    at            INTEGER NOT NULL,
    from_state    TEXT    NOT NULL,
    to_state      TEXT    NOT NULL,
    event         TEXT    NOT NULL,
    attempt       INTEGER NOT NULL,
    error_code    TEXT,
    error_message TEXT,
    actor         TEXT    NOT NULL,
    PRIMARY KEY (job_id, step),
    CHECK ((from_state || '>' || to_state) IN (
        'queued>queued', 'queued>submitting', 'queued>exporting', 'queued>succeeded', 'queued>failed',
        'queued>cancelled',
        'submitting>exporting', 'submitting>queued', 'submitting>failed', 'submitting>unknown',
        'unknown>exporting', 'unknown>succeeded', 'unknown>failed', 'unknown>queued', 'unknown>needs_review',
        'exporting>succeeded', 'exporting>queued', 'exporting>failed', 'exporting>needs_review',
        'needs_review>queued', 'needs_review>succeeded', 'needs_review>failed',
        'failed>queued', 'cancelled>queued')),
    CHECK ((from_state = to_state) = (event IN ('pause', 'resume')))
) STRICT, WITHOUT ROWID;

INSERT INTO transitions_with_pauses SELECT * FROM transitions;
DROP TABLE transitions;
ALTER TABLE transitions_with_pauses RENAME TO transitions;

CREATE TABLE pauses (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    batch_id   INTEGER REFERENCES batches (id),
    lane_id    INTEGER REFERENCES lanes (id),
    paused_at  INTEGER NOT NULL,
    paused_by  TEXT    NOT NULL,
    resumed_at INTEGER,
    resumed_by TEXT,
    CHECK ((batch_id IS NULL) <> (lane_id IS NULL)),
    CHECK ((resumed_at IS NULL) = (resumed_by IS NULL))
) STRICT;

CREATE UNIQUE INDEX pauses_of_batch ON pauses (batch_id) WHERE batch_id IS NOT NULL AND resumed_at IS NULL;
CREATE UNIQUE INDEX pauses_of_lane ON pauses (lane_id) WHERE lane_id IS NOT NULL AND resumed_at IS NULL;

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

-- Snapshots that are not to be exported as they are: queued jobs of theirs wait for the next listing.
CREATE INDEX snapshots_unready ON snapshots (lane_id, name) WHERE state IN ('pending', 'error');

-- Exports that Lightsail shows only after their attempt was taken for absent: whose they are, once the job has ended.
CREATE INDEX jobs_unsuccessful ON jobs (lane_id, snapshot_name) WHERE state IN ('failed', 'cancelled');
CREATE INDEX attempts_absent ON attempts (job_id) WHERE outcome = 'absent';

-- Jobs that wait to be tried again, apart from those that a person has put off.
CREATE INDEX jobs_again ON jobs (lane_id, due_at) WHERE state = 'queued' AND due_at IS NOT NULL AND attempt > 0;

-- The longest that an accepted export of a lane was ever seen to be missing from the lists, in milliseconds.
ALTER TABLE lanes ADD COLUMN longest_delay INTEGER CHECK (longest_delay >= 0);
