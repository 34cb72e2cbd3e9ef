-- One live job per snapshot and lane; a live job has no end.
CREATE UNIQUE INDEX jobs_live ON jobs (lane_id, snapshot_name) WHERE finished_at IS NULL;
CREATE INDEX jobs_claim ON jobs (lane_id, batch_id, priority DESC, id)
    WHERE state = 'queued' AND hold IS NULL AND due_at IS NULL AND paused_at IS NULL;
CREATE INDEX jobs_timer ON jobs (lane_id, due_at) WHERE state = 'queued' AND due_at IS NOT NULL;
-- Jobs that wait for a retry, apart from those that a person has scheduled.
CREATE INDEX jobs_again ON jobs (lane_id, due_at) WHERE state = 'queued' AND due_at IS NOT NULL AND attempt > 0;
CREATE INDEX jobs_held ON jobs (lane_id, hold) WHERE state = 'queued' AND hold IS NOT NULL;
CREATE INDEX jobs_denied ON jobs (lane_id) WHERE state = 'queued' AND denials > 0;
CREATE INDEX jobs_paused ON jobs (lane_id) WHERE paused_at IS NOT NULL;
CREATE INDEX jobs_active ON jobs (lane_id, state, next_poll_at)
    WHERE state = 'submitting' OR state = 'exporting' OR state = 'unknown' OR state = 'needs_review';
CREATE INDEX jobs_trouble ON jobs (state, id)
    WHERE state = 'unknown' OR state = 'needs_review' OR state = 'failed' OR state = 'cancelled';
-- For exports that Lightsail shows only once their job has ended.
CREATE INDEX jobs_unsuccessful ON jobs (lane_id, snapshot_name) WHERE state IN ('failed', 'cancelled');
CREATE INDEX jobs_ended ON jobs (lane_id, finished_at) WHERE finished_at IS NOT NULL;

-- From a job to the other batches whose rows point to it.
CREATE INDEX batch_rows_shared ON batch_rows (job_id) WHERE disposition = 'live';
CREATE INDEX attempts_refused ON attempts (answered_at) WHERE outcome = 'refused';
CREATE UNIQUE INDEX pauses_of_batch ON pauses (batch_id) WHERE batch_id IS NOT NULL AND resumed_at IS NULL;
CREATE UNIQUE INDEX pauses_of_lane ON pauses (lane_id) WHERE lane_id IS NOT NULL AND resumed_at IS NULL;
-- Snapshots that are not to be exported as they are: their queued jobs wait for the next inventory.
CREATE INDEX snapshots_unready ON snapshots (lane_id, name) WHERE state IN ('pending', 'error');
CREATE INDEX ledger_name ON ledger (lane_id, snapshot_name);
CREATE INDEX ledger_unprocessed ON ledger (lane_id, id) WHERE unprocessed = 1;
-- For counting the copies of other clients.
CREATE INDEX ledger_under_way ON ledger (lane_id, snapshot_name) WHERE kind = 'record' AND status = 'under_way';
CREATE INDEX ledger_owner ON ledger (job_id, attempt) WHERE job_id IS NOT NULL;
CREATE INDEX outcomes_failing ON outcomes (lane_id) WHERE failed > 0;
CREATE UNIQUE INDEX breaker_openings_open ON breaker_openings (lane_id, coalesce(batch_id, 0)) WHERE closed_at IS NULL;

CREATE TRIGGER jobs_counted AFTER UPDATE OF state ON jobs WHEN OLD.state <> NEW.state
BEGIN
    UPDATE job_counts SET jobs = jobs - 1, weight = weight - OLD.weight
    WHERE lane_id = OLD.lane_id AND batch_id = OLD.batch_id AND state = OLD.state;
    INSERT INTO job_counts (lane_id, batch_id, state, jobs, weight)
    VALUES (NEW.lane_id, NEW.batch_id, NEW.state, 1, NEW.weight)
    ON CONFLICT DO UPDATE SET jobs = jobs + 1, weight = weight + excluded.weight;
END;

CREATE TRIGGER jobs_amended AFTER UPDATE OF state, error_code, error_message ON jobs WHEN OLD.finished_at IS NOT NULL
BEGIN
    UPDATE batches SET amended = amended + 1 WHERE id = OLD.batch_id;
    UPDATE batches SET amended = amended + 1
    WHERE id IN (SELECT batch_id FROM batch_rows WHERE job_id = OLD.id AND disposition = 'live');
END;

-- A job that fails by a denial does not count for its batch or lane.
CREATE TRIGGER jobs_outcome AFTER UPDATE OF state ON jobs
WHEN (NEW.state = 'succeeded' OR NEW.state = 'failed') AND OLD.finished_at IS NULL AND OLD.state <> 'needs_review'
    AND NEW.attempt > 0 AND NEW.adopted = 0 AND NEW.denials = 0
BEGIN
    INSERT INTO outcomes (lane_id, batch_id, recent, failed, code, in_a_row)
    VALUES (NEW.lane_id, NEW.batch_id, CASE NEW.state WHEN 'failed' THEN 'f' ELSE 's' END, NEW.state = 'failed',
            CASE NEW.state WHEN 'failed' THEN NEW.error_code END, NEW.state = 'failed')
    ON CONFLICT DO UPDATE SET
        recent = substr(recent || excluded.recent, -200),
        -- The oldest of two hundred is dropped.
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

-- A retry means that the cause is gone.
CREATE TRIGGER jobs_tried_afresh AFTER UPDATE OF state ON jobs
WHEN OLD.state IN ('failed', 'cancelled') AND NEW.state = 'queued'
BEGIN
    DELETE FROM outcomes WHERE lane_id = NEW.lane_id AND batch_id IN (NEW.batch_id, 0);
END;

-- Batches and lanes show their pause, and the daemon is woken.
CREATE TRIGGER pauses_begun AFTER INSERT ON pauses WHEN NEW.resumed_at IS NULL
BEGIN
    UPDATE batches SET paused_at = NEW.paused_at, paused_by = NEW.paused_by WHERE id = NEW.batch_id;
    UPDATE lanes SET paused_at = NEW.paused_at, paused_by = NEW.paused_by WHERE id = NEW.lane_id;
    INSERT OR IGNORE INTO wake_ups (lane_id)
    SELECT NEW.lane_id WHERE NEW.lane_id IS NOT NULL
    UNION SELECT lane_id FROM job_counts WHERE batch_id = NEW.batch_id;
END;

CREATE TRIGGER pauses_ended AFTER UPDATE OF resumed_at ON pauses
BEGIN
    UPDATE batches SET paused_at = NULL, paused_by = NULL WHERE id = NEW.batch_id;
    UPDATE lanes SET paused_at = NULL, paused_by = NULL WHERE id = NEW.lane_id;
    INSERT OR IGNORE INTO wake_ups (lane_id)
    SELECT NEW.lane_id WHERE NEW.lane_id IS NOT NULL
    UNION SELECT lane_id FROM job_counts WHERE batch_id = NEW.batch_id;
END;

-- What ended before a breaker closed no longer counts. If a person closed it, the daemon is woken.
CREATE TRIGGER breaker_openings_closed AFTER UPDATE OF closed_at ON breaker_openings
BEGIN
    DELETE FROM outcomes WHERE lane_id = NEW.lane_id AND batch_id = coalesce(NEW.batch_id, 0);
    INSERT OR IGNORE INTO wake_ups (lane_id) SELECT NEW.lane_id WHERE NEW.closed_by <> 'daemon';
END;
