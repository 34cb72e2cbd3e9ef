-- A list of three constants or more in the condition of an index or in a CHECK is made anew for each row that is written:
-- a table in memory, half of what a change of a job costs. The same conditions by comparisons cost next to nothing. What is
-- live is what has no end (a CHECK of `jobs` says the same of its states).

DROP INDEX jobs_live;
DROP INDEX jobs_active;
DROP INDEX jobs_trouble;

-- The rules stay what they are, only their words change; so the tables' text is changed in place, as SQLite's manual has it
-- for constraints (ALTER TABLE, "Making Other Kinds Of Table Schema Changes"), and no row is copied.
PRAGMA writable_schema = ON;

UPDATE sqlite_schema SET sql = replace(replace(replace(sql,
    'CHECK (state IN (''queued'', ''submitting'', ''exporting'', ''unknown'',
                                                          ''needs_review'', ''succeeded'', ''failed'', ''cancelled''))',
    'CHECK (state = ''queued'' OR state = ''submitting'' OR state = ''exporting''
                                               OR state = ''unknown'' OR state = ''needs_review''
                                               OR state = ''succeeded'' OR state = ''failed'' OR state = ''cancelled'')'),
    'CHECK (hold IN (''listing'', ''denied'', ''paused''))',
    'CHECK (hold = ''listing'' OR hold = ''denied'' OR hold = ''paused'')'),
    'CHECK ((state IN (''succeeded'', ''failed'', ''cancelled'')) = (finished_at IS NOT NULL))',
    'CHECK ((state = ''succeeded'' OR state = ''failed'' OR state = ''cancelled'') = (finished_at IS NOT NULL))')
WHERE type = 'table' AND name = 'jobs';

UPDATE sqlite_schema SET sql = replace(sql,
    'CHECK (disposition IN (''new'', ''live'', ''repeated''))',
    'CHECK (disposition = ''new'' OR disposition = ''live'' OR disposition = ''repeated'')')
WHERE type = 'table' AND name = 'batch_rows';

UPDATE sqlite_schema SET sql = replace(sql,
    'CHECK (outcome IN (''pending'', ''accepted'', ''refused'', ''ambiguous'',
                                                      ''found'', ''absent''))',
    'CHECK (outcome = ''pending'' OR outcome = ''accepted'' OR outcome = ''refused''
                                           OR outcome = ''ambiguous'' OR outcome = ''found'' OR outcome = ''absent'')')
WHERE type = 'table' AND name = 'attempts';

UPDATE sqlite_schema SET sql = replace(sql,
    'CHECK (status IN (''under_way'', ''succeeded'', ''failed''))',
    'CHECK (status = ''under_way'' OR status = ''succeeded'' OR status = ''failed'')')
WHERE type = 'table' AND name = 'ledger';

UPDATE sqlite_schema SET sql = substr(sql, 1, instr(sql, 'CHECK ((from_state ||') - 1) ||
    'CHECK (CASE from_state
        WHEN ''queued'' THEN to_state = ''submitting'' OR to_state = ''queued'' OR to_state = ''exporting''
                           OR to_state = ''succeeded'' OR to_state = ''failed'' OR to_state = ''cancelled''
        WHEN ''submitting'' THEN to_state = ''exporting'' OR to_state = ''queued'' OR to_state = ''failed''
                               OR to_state = ''unknown''
        WHEN ''exporting'' THEN to_state = ''succeeded'' OR to_state = ''queued'' OR to_state = ''failed''
                              OR to_state = ''needs_review''
        WHEN ''unknown'' THEN to_state = ''exporting'' OR to_state = ''succeeded'' OR to_state = ''failed''
                            OR to_state = ''queued'' OR to_state = ''needs_review''
        WHEN ''needs_review'' THEN to_state = ''queued'' OR to_state = ''succeeded'' OR to_state = ''failed''
        WHEN ''failed'' THEN to_state = ''queued''
        WHEN ''cancelled'' THEN to_state = ''queued''
        ELSE 0 END),
    CHECK ((from_state = to_state) = (event IN (''pause'', ''resume'')))
) STRICT, WITHOUT ROWID'
WHERE type = 'table' AND name = 'transitions' AND instr(sql, 'CHECK ((from_state ||') > 0;

PRAGMA writable_schema = RESET;

CREATE UNIQUE INDEX jobs_live ON jobs (lane_id, snapshot_name) WHERE finished_at IS NULL;
CREATE INDEX jobs_active ON jobs (lane_id, state, next_poll_at)
    WHERE state = 'submitting' OR state = 'exporting' OR state = 'unknown' OR state = 'needs_review';
CREATE INDEX jobs_trouble ON jobs (state, id)
    WHERE state = 'unknown' OR state = 'needs_review' OR state = 'failed' OR state = 'cancelled';
