-- The queue: what people brought in (batches, rows), what is to be done (jobs), what was tried (attempts), what
-- happened (transitions), and what Lightsail is known to have (snapshots, ledger). Times are milliseconds since 1970,
-- UTC. The states and their order stand in src/domain/job.rs; the CHECKs repeat them.

CREATE TABLE runs (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    began_at    INTEGER NOT NULL,
    ended_at    INTEGER,
    pid         INTEGER NOT NULL,
    version     TEXT    NOT NULL
) STRICT;

CREATE TABLE lanes (
    id              INTEGER PRIMARY KEY,
    account         TEXT    NOT NULL,
    region          TEXT    NOT NULL,
    account_number  TEXT,
    -- Whether an export of this lane was ever accepted; the first one goes alone.
    proven          INTEGER NOT NULL DEFAULT 0 CHECK (proven IN (0, 1)),
    learned_rate    REAL    CHECK (learned_rate > 0),
    listed_at       INTEGER,
    blocked_at      INTEGER,
    blocked_code    TEXT    CHECK (blocked_code IN ('credentials', 'unreachable', 'identity', 'outage', 'denied',
                                                    'setup')),
    blocked_message TEXT,
    paused_at       INTEGER,
    paused_by       TEXT,
    UNIQUE (account, region),
    CHECK ((blocked_at IS NULL) = (blocked_code IS NULL))
) STRICT;

CREATE TABLE batches (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    name           TEXT    NOT NULL UNIQUE,
    source         TEXT    NOT NULL,
    state          TEXT    NOT NULL CHECK (state IN ('loading', 'sealed')),
    created_at     INTEGER NOT NULL,
    sealed_at      INTEGER,
    rows_read      INTEGER NOT NULL DEFAULT 0,
    rows_new       INTEGER NOT NULL DEFAULT 0,
    rows_live      INTEGER NOT NULL DEFAULT 0,
    rows_repeated  INTEGER NOT NULL DEFAULT 0,
    rows_rejected  INTEGER NOT NULL DEFAULT 0,
    -- The names of the columns that are carried through to the report: a JSON array.
    carried        TEXT    NOT NULL DEFAULT '[]',
    paused_at      INTEGER,
    paused_by      TEXT,
    CHECK (rows_read = rows_new + rows_live + rows_repeated + rows_rejected)
) STRICT;

CREATE TABLE jobs (
    id                  INTEGER PRIMARY KEY AUTOINCREMENT,
    lane_id             INTEGER NOT NULL REFERENCES lanes (id),
    -- The batch and the line that brought it in first.
    batch_id            INTEGER NOT NULL REFERENCES batches (id),
    line                INTEGER NOT NULL,
    snapshot_name       TEXT    NOT NULL,
    priority            INTEGER NOT NULL,
    existing            TEXT    NOT NULL CHECK (existing IN ('adopt', 'export-again')),
    state               TEXT    NOT NULL CHECK (state IN ('queued', 'submitting', 'exporting', 'unknown',
                                                          'needs_review', 'succeeded', 'failed', 'cancelled')),
    hold                TEXT    CHECK (hold IN ('listing', 'denied', 'paused')),
    due_at              INTEGER,
    -- The number of the last attempt, those that count against the limit, and how many changes of state there were.
    attempt             INTEGER NOT NULL DEFAULT 0 CHECK (attempt >= 0),
    used                INTEGER NOT NULL DEFAULT 0 CHECK (used >= 0),
    step                INTEGER NOT NULL DEFAULT 0,
    -- EBS copies that its export takes: 1 + the attached disks of an instance.
    weight              INTEGER NOT NULL DEFAULT 1 CHECK (weight >= 1),
    source_arn          TEXT,
    adopted             INTEGER NOT NULL DEFAULT 0 CHECK (adopted IN (0, 1)),
    operation_id        TEXT,
    record_arn          TEXT,
    record_name         TEXT,
    destination_service TEXT,
    destination_id      TEXT,
    error_code          TEXT,
    error_message       TEXT,
    queued_at           INTEGER NOT NULL,
    submitted_at        INTEGER,
    finished_at         INTEGER,
    next_poll_at        INTEGER,
    CHECK (state = 'queued' OR (hold IS NULL AND due_at IS NULL)),
    CHECK ((state IN ('succeeded', 'failed', 'cancelled')) = (finished_at IS NOT NULL)),
    CHECK (state <> 'succeeded' OR destination_id IS NOT NULL),
    CHECK (state <> 'failed' OR error_code IS NOT NULL),
    CHECK (state NOT IN ('submitting', 'unknown') OR attempt > 0)
) STRICT;

-- Promise 3: one live job per snapshot and lane.
CREATE UNIQUE INDEX jobs_live ON jobs (lane_id, snapshot_name)
    WHERE state IN ('queued', 'submitting', 'exporting', 'unknown', 'needs_review');
CREATE INDEX jobs_claim ON jobs (lane_id, batch_id, priority DESC, id)
    WHERE state = 'queued' AND hold IS NULL AND due_at IS NULL;
CREATE INDEX jobs_timer ON jobs (lane_id, due_at) WHERE state = 'queued' AND due_at IS NOT NULL;
CREATE INDEX jobs_held ON jobs (lane_id, hold) WHERE state = 'queued' AND hold IS NOT NULL;
CREATE INDEX jobs_active ON jobs (lane_id, state, next_poll_at)
    WHERE state IN ('submitting', 'exporting', 'unknown', 'needs_review');
CREATE INDEX jobs_trouble ON jobs (state, id) WHERE state IN ('unknown', 'needs_review', 'failed', 'cancelled');
CREATE INDEX jobs_batch ON jobs (batch_id, line);

CREATE TABLE batch_rows (
    batch_id    INTEGER NOT NULL REFERENCES batches (id),
    line        INTEGER NOT NULL,
    job_id      INTEGER NOT NULL REFERENCES jobs (id),
    disposition TEXT    NOT NULL CHECK (disposition IN ('new', 'live', 'repeated')),
    -- The values of the carried columns: a JSON array.
    carried     TEXT,
    PRIMARY KEY (batch_id, line)
) STRICT, WITHOUT ROWID;

-- Counters are kept, never counted.
CREATE TABLE tallies (
    lane_id  INTEGER NOT NULL,
    batch_id INTEGER NOT NULL,
    state    TEXT    NOT NULL,
    jobs     INTEGER NOT NULL,
    weight   INTEGER NOT NULL,
    PRIMARY KEY (lane_id, batch_id, state)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER jobs_tally AFTER UPDATE OF state ON jobs WHEN OLD.state <> NEW.state
BEGIN
    UPDATE tallies SET jobs = jobs - 1, weight = weight - OLD.weight
    WHERE lane_id = OLD.lane_id AND batch_id = OLD.batch_id AND state = OLD.state;
    INSERT INTO tallies (lane_id, batch_id, state, jobs, weight)
    VALUES (NEW.lane_id, NEW.batch_id, NEW.state, 1, NEW.weight)
    ON CONFLICT DO UPDATE SET jobs = jobs + 1, weight = weight + excluded.weight;
END;

CREATE TABLE attempts (
    job_id        INTEGER NOT NULL REFERENCES jobs (id),
    number        INTEGER NOT NULL CHECK (number > 0),
    run_id        INTEGER NOT NULL REFERENCES runs (id),
    intended_at   INTEGER NOT NULL,
    -- The last entry of the lane's ledger that was known when the intent was written: what came later may be ours.
    baseline      INTEGER NOT NULL,
    answered_at   INTEGER,
    outcome       TEXT    NOT NULL CHECK (outcome IN ('pending', 'accepted', 'refused', 'ambiguous',
                                                      'found', 'absent')),
    http_status   INTEGER,
    request_id    TEXT,
    error_code    TEXT,
    error_message TEXT,
    -- Complete readings of the ledger that did not show it, and when the first and the last of them began.
    looks         INTEGER NOT NULL DEFAULT 0 CHECK (looks >= 0),
    first_look_at INTEGER,
    last_look_at  INTEGER,
    PRIMARY KEY (job_id, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE transitions (
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
        'queued>submitting', 'queued>exporting', 'queued>succeeded', 'queued>failed', 'queued>cancelled',
        'submitting>exporting', 'submitting>queued', 'submitting>failed', 'submitting>unknown',
        'unknown>exporting', 'unknown>succeeded', 'unknown>failed', 'unknown>queued', 'unknown>needs_review',
        'exporting>succeeded', 'exporting>queued', 'exporting>failed', 'exporting>needs_review',
        'needs_review>queued', 'needs_review>succeeded', 'needs_review>failed',
        'failed>queued', 'cancelled>queued'))
) STRICT, WITHOUT ROWID;

CREATE TABLE snapshots (
    lane_id    INTEGER NOT NULL REFERENCES lanes (id),
    name       TEXT    NOT NULL,
    arn        TEXT,
    kind       TEXT    NOT NULL CHECK (kind IN ('instance', 'disk')),
    state      TEXT    NOT NULL,
    weight     INTEGER NOT NULL CHECK (weight >= 1),
    size_gb    INTEGER,
    created_at INTEGER,
    -- The run and the number of the listing that saw it last.
    listing    INTEGER NOT NULL,
    PRIMARY KEY (lane_id, name)
) STRICT, WITHOUT ROWID;

-- Lightsail's ledger as far as it was seen: operations and export snapshot records. An entry belongs to one attempt at
-- most, because it has one owner; its id orders what was known before what came later.
CREATE TABLE ledger (
    id                  INTEGER PRIMARY KEY AUTOINCREMENT,
    lane_id             INTEGER NOT NULL REFERENCES lanes (id),
    kind                TEXT    NOT NULL CHECK (kind IN ('operation', 'record')),
    -- An operation's id; a record's ARN, or its name where it has none.
    key                 TEXT    NOT NULL,
    snapshot_name       TEXT    NOT NULL,
    snapshot_arn        TEXT,
    status              TEXT    NOT NULL CHECK (status IN ('under_way', 'succeeded', 'failed')),
    record_name         TEXT,
    destination_service TEXT,
    destination_id      TEXT,
    error_code          TEXT,
    error_message       TEXT,
    created_at          INTEGER,
    seen_at             INTEGER NOT NULL,
    job_id              INTEGER REFERENCES jobs (id),
    attempt             INTEGER,
    -- Whether what it says has been acted upon.
    news                INTEGER NOT NULL CHECK (news IN (0, 1)),
    UNIQUE (lane_id, kind, key),
    CHECK ((job_id IS NULL) = (attempt IS NULL))
) STRICT;

CREATE INDEX ledger_name ON ledger (lane_id, snapshot_name);
CREATE INDEX ledger_news ON ledger (lane_id, id) WHERE news = 1;
CREATE INDEX ledger_owner ON ledger (job_id, attempt) WHERE job_id IS NOT NULL;

-- Which batches a lane may send for: those that were sealed before a listing of this run began. A start begins anew.
CREATE TABLE clearances (
    lane_id  INTEGER NOT NULL REFERENCES lanes (id),
    batch_id INTEGER NOT NULL REFERENCES batches (id),
    run_id   INTEGER NOT NULL REFERENCES runs (id),
    PRIMARY KEY (lane_id, batch_id)
) STRICT, WITHOUT ROWID;
