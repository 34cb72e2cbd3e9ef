-- The queue: what people brought in (batches, rows), what is to be done (jobs), what was tried (attempts), what happened
-- (transitions), and what Lightsail is known to have (snapshots, ledger). Times are milliseconds since 1970, UTC; spans are
-- milliseconds. The states and their order stand in src/domain/job.rs; the CHECKs repeat them.
--
-- Nothing that is evaluated for each written row has an `IN` of three or more: SQLite builds that list anew each time, in a
-- table in memory.

-- Which database this is, how many intents were ever committed to it, and how many of them in the last group. The counter file
-- beside it counts the same, or all but the last group after a kill between the two. Any other database is a copy, and gets another id.
CREATE TABLE origin (
    one         INTEGER PRIMARY KEY CHECK (one = 1),
    id          TEXT    NOT NULL,
    intents     INTEGER NOT NULL DEFAULT 0 CHECK (intents >= 0),
    last_group  INTEGER NOT NULL DEFAULT 0 CHECK (last_group BETWEEN 0 AND intents),
    intended_at INTEGER
) STRICT;
INSERT INTO origin (one, id) VALUES (1, lower(hex(randomblob(16))));

-- The times that a daemon found this database to be a copy. The newest one counts.
CREATE TABLE takeovers (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    found_at   INTEGER NOT NULL,
    -- How long daemons have run since, by the monotonic clock.
    waited     INTEGER NOT NULL DEFAULT 0 CHECK (waited >= 0),
    -- The last thing that a daemon wrote before the copy was made.
    written_at INTEGER,
    cause      TEXT    NOT NULL CHECK (cause = 'behind' OR cause = 'another' OR cause = 'no_file' OR cause = 'old_file'
                                        OR cause = 'declared'),
    -- A person's name for a declared restore.
    name       TEXT    UNIQUE,
    -- When a person skipped the wait.
    waived_at  INTEGER,
    -- The last job and the last entry of the ledger that the copy had.
    last_job   INTEGER NOT NULL,
    last_entry INTEGER NOT NULL
) STRICT;

-- The starts of the daemon.
CREATE TABLE runs (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    began_at    INTEGER NOT NULL,
    ended_at    INTEGER,
    pid         INTEGER NOT NULL,
    version     TEXT    NOT NULL
) STRICT;

CREATE TABLE lanes (
    id                INTEGER PRIMARY KEY,
    account           TEXT    NOT NULL,
    region            TEXT    NOT NULL,
    account_number    TEXT,
    -- Whether an export of this lane was ever accepted; until then one is sent alone.
    proven            INTEGER NOT NULL DEFAULT 0 CHECK (proven IN (0, 1)),
    listed_at         INTEGER,
    -- Exports and reads a second, as learned from throttles.
    learned_rate      REAL    CHECK (learned_rate > 0),
    learned_read_rate REAL    CHECK (learned_read_rate > 0),
    -- EC2 had too many copies in progress: the cap is lower for a while.
    lowered_cap       INTEGER CHECK (lowered_cap >= 1),
    lowered_at        INTEGER CHECK ((lowered_at IS NULL) = (lowered_cap IS NULL)),
    lowered_code      TEXT    CHECK ((lowered_code IS NULL) = (lowered_cap IS NULL)),
    -- How long an accepted export was missing from the lists, and when; it counts less as time passes.
    longest_delay     INTEGER CHECK (longest_delay >= 0),
    delay_seen_at     INTEGER,
    blocked_at        INTEGER,
    blocked_code      TEXT    CHECK (blocked_code IN ('credentials', 'clock', 'not_enabled', 'unreachable', 'identity',
                                                      'outage', 'denied', 'setup', 'reads', 'copy_limit', 'quota')),
    blocked_message   TEXT,
    paused_at         INTEGER,
    paused_by         TEXT,
    UNIQUE (account, region),
    CHECK ((blocked_at IS NULL) = (blocked_code IS NULL))
) STRICT;

CREATE TABLE batches (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    name           TEXT    NOT NULL UNIQUE,
    source         TEXT    NOT NULL,
    -- A batch that is being pruned is `loading` again, which hides it, and has the time since.
    state          TEXT    NOT NULL CHECK (state IN ('loading', 'sealed')),
    created_at     INTEGER NOT NULL,
    sealed_at      INTEGER,
    pruned_at      INTEGER,
    rows_read      INTEGER NOT NULL DEFAULT 0,
    rows_new       INTEGER NOT NULL DEFAULT 0,
    rows_live      INTEGER NOT NULL DEFAULT 0,
    rows_repeated  INTEGER NOT NULL DEFAULT 0,
    rows_rejected  INTEGER NOT NULL DEFAULT 0,
    -- The names of the columns that are copied to the report only: a JSON array.
    carried        TEXT    NOT NULL DEFAULT '[]',
    paused_at      INTEGER,
    paused_by      TEXT,
    -- A completion report is written once for each ending of a batch. `amended` counts how often something changed of a row
    -- that had ended (a retry, a duplicate found late); `bundled` is the count for which the report was written.
    amended        INTEGER NOT NULL DEFAULT 0 CHECK (amended >= 0),
    bundled        INTEGER CHECK (bundled BETWEEN 0 AND amended),
    bundled_at     INTEGER,
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
    state               TEXT    NOT NULL CHECK (state = 'queued' OR state = 'submitting' OR state = 'exporting'
                                               OR state = 'unknown' OR state = 'needs_review'
                                               OR state = 'succeeded' OR state = 'failed' OR state = 'cancelled'),
    hold                TEXT    CHECK (hold = 'inventory'),
    due_at              INTEGER,
    -- A pause is independent of what else a queued job waits for.
    paused_at           INTEGER CHECK (paused_at IS NULL OR state = 'queued'),
    -- The number of the last attempt, those that count against the limit, and how many changes of state there were.
    attempt             INTEGER NOT NULL DEFAULT 0 CHECK (attempt >= 0),
    used                INTEGER NOT NULL DEFAULT 0 CHECK (used >= 0),
    step                INTEGER NOT NULL DEFAULT 0,
    -- How often its export was denied since it was last accepted or retried: it is called again before it fails.
    denials             INTEGER NOT NULL DEFAULT 0 CHECK (denials >= 0),
    -- EBS copies that its export takes: 1 + the attached disks of an instance.
    weight              INTEGER NOT NULL DEFAULT 1 CHECK (weight >= 1),
    source_arn          TEXT,
    adopted             INTEGER NOT NULL DEFAULT 0 CHECK (adopted IN (0, 1)),
    -- If a person had it sent again: the last entry of the ledger then. No entry up to it is the job's, and it adopts no other export.
    ignored_through             INTEGER CHECK (ignored_through >= 0),
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
    CHECK ((state = 'succeeded' OR state = 'failed' OR state = 'cancelled') = (finished_at IS NOT NULL)),
    CHECK (state <> 'succeeded' OR destination_id IS NOT NULL),
    CHECK (state <> 'failed' OR error_code IS NOT NULL),
    CHECK (state NOT IN ('submitting', 'unknown') OR attempt > 0)
) STRICT;

CREATE TABLE batch_rows (
    batch_id    INTEGER NOT NULL REFERENCES batches (id),
    line        INTEGER NOT NULL,
    job_id      INTEGER NOT NULL REFERENCES jobs (id),
    disposition TEXT    NOT NULL CHECK (disposition = 'new' OR disposition = 'live' OR disposition = 'repeated'),
    -- The values of the copied columns: a JSON array.
    carried     TEXT,
    PRIMARY KEY (batch_id, line)
) STRICT, WITHOUT ROWID;

-- Counters, kept by triggers.
CREATE TABLE job_counts (
    lane_id  INTEGER NOT NULL,
    batch_id INTEGER NOT NULL,
    state    TEXT    NOT NULL,
    jobs     INTEGER NOT NULL,
    weight   INTEGER NOT NULL,
    PRIMARY KEY (lane_id, batch_id, state)
) STRICT, WITHOUT ROWID;

CREATE TABLE attempts (
    job_id        INTEGER NOT NULL REFERENCES jobs (id),
    number        INTEGER NOT NULL CHECK (number > 0),
    run_id        INTEGER NOT NULL REFERENCES runs (id),
    intended_at   INTEGER NOT NULL,
    -- The last entry of the lane's ledger that was known when the intent was written: later ones may be ours.
    baseline      INTEGER NOT NULL,
    answered_at   INTEGER,
    outcome       TEXT    NOT NULL CHECK (outcome = 'pending' OR outcome = 'accepted' OR outcome = 'refused'
                                           OR outcome = 'ambiguous' OR outcome = 'found' OR outcome = 'absent'),
    http_status   INTEGER,
    request_id    TEXT,
    error_code    TEXT,
    error_message TEXT,
    -- Absence checks, and when the first and the last of them began.
    absence_checks         INTEGER NOT NULL DEFAULT 0 CHECK (absence_checks >= 0),
    first_check_at INTEGER,
    last_check_at  INTEGER,
    -- The reconciliation window that it keeps, though the lane's was shortened since: in milliseconds.
    kept_window   INTEGER,
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
    CHECK (CASE from_state
        WHEN 'queued' THEN to_state = 'submitting' OR to_state = 'queued' OR to_state = 'exporting'
                           OR to_state = 'succeeded' OR to_state = 'failed' OR to_state = 'cancelled'
                           OR to_state = 'needs_review'
        WHEN 'submitting' THEN to_state = 'exporting' OR to_state = 'queued' OR to_state = 'failed'
                               OR to_state = 'unknown'
        WHEN 'exporting' THEN to_state = 'succeeded' OR to_state = 'queued' OR to_state = 'failed'
                              OR to_state = 'needs_review'
        WHEN 'unknown' THEN to_state = 'exporting' OR to_state = 'succeeded' OR to_state = 'failed'
                            OR to_state = 'queued' OR to_state = 'needs_review'
        WHEN 'needs_review' THEN to_state = 'queued' OR to_state = 'succeeded' OR to_state = 'failed'
        WHEN 'failed' THEN to_state = 'queued'
        WHEN 'cancelled' THEN to_state = 'queued'
        ELSE 0 END),
    CHECK ((from_state = to_state) = (event IN ('pause', 'resume')))
) STRICT, WITHOUT ROWID;

-- The pauses of batches and lanes, which are kept when they have ended. The pause of a job is a transition within `queued`.
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

CREATE TABLE snapshots (
    lane_id    INTEGER NOT NULL REFERENCES lanes (id),
    name       TEXT    NOT NULL,
    arn        TEXT,
    kind       TEXT    NOT NULL CHECK (kind IN ('instance', 'disk')),
    state      TEXT    NOT NULL,
    weight     INTEGER NOT NULL CHECK (weight >= 1),
    size_gb    INTEGER,
    created_at INTEGER,
    -- The run and the number of the inventory that saw it last.
    inventory    INTEGER NOT NULL,
    PRIMARY KEY (lane_id, name)
) STRICT, WITHOUT ROWID;

-- Lightsail's operations and export snapshot records as far as they were seen. An entry has one owner, so it belongs to one
-- attempt at most; its id orders what was known before what came later. It outlives its job, so that a snapshot that was
-- exported is adopted after its batch was pruned too: `job_id` may be the number of a job that is gone, and no number is
-- given twice.
CREATE TABLE ledger (
    id                  INTEGER PRIMARY KEY AUTOINCREMENT,
    lane_id             INTEGER NOT NULL REFERENCES lanes (id),
    kind                TEXT    NOT NULL CHECK (kind IN ('operation', 'record')),
    -- An operation's id; a record's ARN, or its name where it has none.
    key                 TEXT    NOT NULL,
    snapshot_name       TEXT    NOT NULL,
    snapshot_arn        TEXT,
    status              TEXT    NOT NULL CHECK (status = 'under_way' OR status = 'succeeded' OR status = 'failed'),
    record_name         TEXT,
    destination_service TEXT,
    destination_id      TEXT,
    error_code          TEXT,
    error_message       TEXT,
    created_at          INTEGER,
    seen_at             INTEGER NOT NULL,
    job_id              INTEGER,
    attempt             INTEGER,
    -- Whether it has still to be processed.
    unprocessed         INTEGER NOT NULL CHECK (unprocessed IN (0, 1)),
    UNIQUE (lane_id, kind, key),
    CHECK ((job_id IS NULL) = (attempt IS NULL))
) STRICT;

-- Lanes in which a person has acted: the daemon takes these rows and wakes the lanes.
CREATE TABLE wake_ups (
    lane_id INTEGER PRIMARY KEY REFERENCES lanes (id)
) STRICT;

-- The batches that a lane may send: those that were sealed before an inventory of this run began.
CREATE TABLE inventories (
    lane_id  INTEGER NOT NULL REFERENCES lanes (id),
    batch_id INTEGER NOT NULL REFERENCES batches (id),
    run_id   INTEGER NOT NULL REFERENCES runs (id),
    PRIMARY KEY (lane_id, batch_id)
) STRICT, WITHOUT ROWID;

-- What a circuit breaker judges by: the last 200 jobs that were sent and have ended, of each batch in each lane and of each
-- lane as a whole (there batch_id is 0). What ended without an export of ours does not count, nor what a person decided.
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

-- Circuit breakers that are or were open: of a batch in a lane, or of a lane as a whole.
CREATE TABLE breaker_openings (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    lane_id    INTEGER NOT NULL REFERENCES lanes (id),
    batch_id   INTEGER REFERENCES batches (id),
    opened_at INTEGER NOT NULL,
    -- Why it opened: this many of the last that ended had failed, or failed in a row with one code.
    failed     INTEGER NOT NULL CHECK (failed > 0),
    ended      INTEGER NOT NULL CHECK (ended >= failed),
    code       TEXT,
    -- Start and length of the wait for the next probe.
    waits_from INTEGER NOT NULL,
    wait       INTEGER NOT NULL CHECK (wait >= 0),
    -- The one job that may be sent, to see whether the trouble is over; how many probes failed, and the run of the last of them.
    probe      INTEGER REFERENCES jobs (id),
    probes     INTEGER NOT NULL DEFAULT 0 CHECK (probes >= 0),
    failed_run INTEGER REFERENCES runs (id),
    closed_at  INTEGER,
    closed_by  TEXT,
    CHECK ((closed_at IS NULL) = (closed_by IS NULL)),
    CHECK ((failed_run IS NULL) = (probes = 0))
) STRICT;

-- Queued jobs that nothing of their own holds back. Whether their batch and lane may send is checked separately.
CREATE VIEW sendable_jobs AS
SELECT jobs.id, jobs.lane_id, jobs.batch_id, jobs.snapshot_name, jobs.priority, jobs.attempt, jobs.used, jobs.denials,
       snapshots.weight, snapshots.arn
FROM jobs
-- An inventory may have seen that the snapshot is not ready while something else held the job.
CROSS JOIN snapshots ON snapshots.lane_id = jobs.lane_id AND snapshots.name = jobs.snapshot_name
    AND snapshots.state NOT IN ('pending', 'error')
WHERE jobs.state = 'queued' AND jobs.hold IS NULL AND jobs.due_at IS NULL AND jobs.paused_at IS NULL
  -- Its unprocessed changes come first.
  AND NOT EXISTS (SELECT 1 FROM ledger
                  WHERE ledger.lane_id = jobs.lane_id AND ledger.snapshot_name = jobs.snapshot_name AND ledger.unprocessed = 1);
