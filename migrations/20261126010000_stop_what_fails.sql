-- Breakers: what fails too often stops by itself. It is judged by what was sent and has ended, of each batch in each
-- lane, and of each lane as a whole (there batch_id is 0): the last 200 of them, and the last that failed with one code.
-- They are counted as they end and forgotten when the breaker is closed. What ended without an export of ours does not
-- count, nor what a person decided.

CREATE TABLE outcomes (
    lane_id  INTEGER NOT NULL REFERENCES lanes (id),
    batch_id INTEGER NOT NULL,
    -- s: succeeded, f: failed; the newest last.
    recent   TEXT    NOT NULL,
    -- How many of these failed.
    failed   INTEGER NOT NULL,
    -- The code of the last one, where it failed, and how many in a row failed with it.
    code     TEXT,
    in_a_row INTEGER NOT NULL,
    PRIMARY KEY (lane_id, batch_id),
    CHECK ((code IS NULL) = (in_a_row = 0))
) STRICT, WITHOUT ROWID;

CREATE INDEX outcomes_failing ON outcomes (lane_id) WHERE failed > 0;

CREATE TRIGGER jobs_outcome AFTER UPDATE OF state ON jobs
WHEN NEW.state IN ('succeeded', 'failed') AND OLD.state IN ('queued', 'submitting', 'exporting', 'unknown')
    AND NEW.attempt > 0 AND NEW.adopted = 0
BEGIN
    INSERT INTO outcomes (lane_id, batch_id, recent, failed, code, in_a_row)
    SELECT NEW.lane_id, place.batch_id, CASE NEW.state WHEN 'failed' THEN 'f' ELSE 's' END, NEW.state = 'failed',
           CASE NEW.state WHEN 'failed' THEN NEW.error_code END, NEW.state = 'failed'
    FROM (SELECT NEW.batch_id AS batch_id UNION ALL SELECT 0) AS place
    WHERE true
    ON CONFLICT DO UPDATE SET
        recent = substr(recent || excluded.recent, -200),
        failed = length(replace(substr(recent || excluded.recent, -200), 's', '')),
        code = excluded.code,
        in_a_row = CASE WHEN excluded.code IS NULL THEN 0 WHEN excluded.code = code THEN in_a_row + 1 ELSE 1 END;
END;

-- Whoever has it tried afresh says that the cause is gone.
CREATE TRIGGER jobs_tried_afresh AFTER UPDATE OF state ON jobs
WHEN OLD.state IN ('failed', 'cancelled') AND NEW.state = 'queued'
BEGIN
    DELETE FROM outcomes WHERE lane_id = NEW.lane_id AND batch_id IN (NEW.batch_id, 0);
END;

-- An open breaker, and each that was: of a batch in a lane, or of a lane as a whole. It outlives its end, as a pause does.
CREATE TABLE trips (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    lane_id    INTEGER NOT NULL REFERENCES lanes (id),
    batch_id   INTEGER REFERENCES batches (id),
    tripped_at INTEGER NOT NULL,
    -- What it tripped on: so many of the last that ended had failed, or so many in a row failed with one code.
    failed     INTEGER NOT NULL CHECK (failed > 0),
    ended      INTEGER NOT NULL CHECK (ended >= failed),
    code       TEXT,
    -- From when on, and for how many milliseconds, nothing is tried.
    waits_from INTEGER NOT NULL,
    wait       INTEGER NOT NULL CHECK (wait >= 0),
    -- The one job that goes all the same, to see whether it is over; how many did in vain, and the run of the last.
    probe      INTEGER REFERENCES jobs (id),
    probes     INTEGER NOT NULL DEFAULT 0 CHECK (probes >= 0),
    failed_run INTEGER REFERENCES runs (id),
    closed_at  INTEGER,
    closed_by  TEXT,
    CHECK ((closed_at IS NULL) = (closed_by IS NULL)),
    CHECK ((failed_run IS NULL) = (probes = 0))
) STRICT;

CREATE UNIQUE INDEX trips_open ON trips (lane_id, coalesce(batch_id, 0)) WHERE closed_at IS NULL;
