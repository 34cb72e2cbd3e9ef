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
