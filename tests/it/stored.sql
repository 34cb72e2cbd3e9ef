-- Three lanes, three batches and a job in each state; times count from 2026-11-23T18:00:00Z.
INSERT INTO runs (id, began_at, pid, version) VALUES (1, 1795456800000, 812, '0.1.0');
INSERT INTO lanes (id, account, region, account_number, proven, learned_rate, listed_at, blocked_at, blocked_code, blocked_message, paused_at, paused_by) VALUES
  (1, 'default', 'eu-west-1', '123456789012', 1, 0.8, 1795456800000, NULL, NULL, NULL, NULL, NULL),
  (2, 'prod', 'us-east-1', '999999999999', 1, NULL, 1795456800000, 1795457100000, 'credentials', 'The security token included in the request is expired', NULL, NULL),
  (3, 'prod', 'us-west-2', NULL, 0, NULL, NULL, NULL, NULL, NULL, 1795456860000, 'alice');
INSERT INTO batches (id, name, source, state, created_at, sealed_at, rows_read, rows_new, rows_live, rows_repeated, rows_rejected, carried, paused_at, paused_by) VALUES
  (1, 'fleet', 'fleet.csv', 'sealed', 1795456800000, 1795456801000, 9, 7, 0, 1, 1, '["owner","note"]', NULL, NULL),
  (2, 'second wave', '-', 'sealed', 1795457000000, 1795457001000, 3, 2, 1, 0, 0, '[]', 1795457010000, 'bob'),
  (3, 'third', 'third.csv', 'loading', 1795457200000, NULL, 0, 0, 0, 0, 0, '[]', NULL, NULL);
INSERT INTO jobs (id, lane_id, batch_id, line, snapshot_name, priority, existing, state, hold, due_at, attempt, used, step, weight, source_arn, adopted, operation_id, record_arn, record_name, destination_service, destination_id, error_code, error_message, queued_at, submitted_at, finished_at, next_poll_at) VALUES
  (1, 1, 1, 2, 'web-1', 0, 'adopt', 'succeeded', NULL, NULL, 2, 1, 4, 2, 'arn:aws:lightsail:eu-west-1:123456789012:InstanceSnapshot/1', 0, 'op-1', 'arn:rec-1', 'ExportSnapshotRecord-1', 'Aws::EC2::Image', 'ami-0123456789abcdef0', NULL, NULL, 1795456801000, 1795456810000, 1795456822500, NULL),
  (2, 1, 1, 3, 'web-2', 0, 'adopt', 'succeeded', NULL, NULL, 0, 0, 1, 1, NULL, 1, NULL, 'arn:rec-2', 'ExportSnapshotRecord-2', 'Aws::EC2::Snapshot', 'snap-0123456789abcdef0', NULL, NULL, 1795456801000, NULL, 1795456805000, NULL),
  (3, 1, 1, 4, 'web-3', 0, 'adopt', 'failed', NULL, NULL, 0, 0, 1, 1, NULL, 0, NULL, NULL, NULL, NULL, NULL, 'SnapshotNotFound', '=no snapshot of that name, did you mean "web-33"?', 1795456801000, NULL, 1795456806000, NULL),
  (4, 1, 1, 5, 'db-primary-nightly-2026-11-22', 0, 'adopt', 'queued', NULL, 1795457400000, 1, 1, 2, 1, NULL, 0, NULL, NULL, NULL, NULL, NULL, 'ServiceException', 'try again', 1795456801000, 1795456815000, NULL, NULL),
  (5, 1, 1, 6, 'db-2', 0, 'adopt', 'exporting', NULL, NULL, 1, 1, 2, 3, NULL, 0, 'op-5', NULL, NULL, NULL, NULL, NULL, NULL, 1795456801000, 1795456816000, NULL, 1795457205000),
  (6, 1, 1, 7, 'db-3', 0, 'adopt', 'needs_review', NULL, NULL, 1, 1, 3, 1, NULL, 0, NULL, NULL, NULL, NULL, NULL, 'TooManyCandidates', 'two exports for one attempt', 1795456801000, 1795456817000, NULL, NULL),
  (7, 2, 1, 8, 'cache-1', 5, 'export-again', 'queued', 'inventory', NULL, 0, 0, 0, 1, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1795456801000, NULL, NULL, NULL),
  (8, 3, 2, 1, 'mail-1', 0, 'adopt', 'queued', NULL, NULL, 0, 0, 0, 1, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1795457001000, NULL, NULL, NULL),
  (9, 3, 2, 2, 'mail-2', 0, 'adopt', 'cancelled', NULL, NULL, 0, 0, 1, 1, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1795457001000, NULL, 1795457050000, NULL);
INSERT INTO batch_rows (batch_id, line, job_id, disposition, carried) VALUES
  (1, 2, 1, 'new', '["ann","=1+1"]'),
  (1, 3, 2, 'new', '["bob","''=quoted"]'),
  (1, 4, 3, 'new', '["","a, \"b\""]'),
  (1, 5, 4, 'new', '["-5","x"]'),
  (1, 6, 5, 'new', '["@me","two\nlines"]'),
  (1, 7, 6, 'new', NULL),
  (1, 8, 7, 'new', '["only one"]'),
  (1, 9, 1, 'repeated', '["ann","again"]'),
  (2, 1, 8, 'new', NULL),
  (2, 2, 9, 'new', NULL),
  (2, 3, 5, 'live', NULL);
INSERT INTO attempts (job_id, number, run_id, intended_at, baseline, answered_at, outcome, http_status, request_id, error_code, error_message, absence_checks, first_check_at, last_check_at) VALUES
  (1, 1, 1, 1795456802000, 0, 1795456802350, 'refused', 400, 'req-1', 'ThrottlingException', 'Rate exceeded', 0, NULL, NULL),
  (1, 2, 1, 1795456810000, 0, 1795456810120, 'accepted', 200, 'req-2', NULL, NULL, 0, NULL, NULL),
  (4, 1, 1, 1795456815000, 0, 1795456815900, 'refused', 500, 'req-4', 'ServiceException', 'try again', 0, NULL, NULL),
  (5, 1, 1, 1795456816000, 0, 1795456816100, 'accepted', 200, 'req-5', NULL, NULL, 0, NULL, NULL),
  (6, 1, 1, 1795456817000, 0, NULL, 'pending', NULL, NULL, 'OutcomeUnknown', 'connection reset', 2, 1795456900000, 1795457000000);
INSERT INTO transitions (job_id, step, at, from_state, to_state, event, attempt, error_code, error_message, actor) VALUES
  (1, 1, 1795456802000, 'queued', 'submitting', 'intend', 1, NULL, NULL, 'daemon'),
  (1, 2, 1795456802350, 'submitting', 'queued', 'refused_by_lane', 1, 'ThrottlingException', 'Rate exceeded', 'daemon'),
  (1, 3, 1795456810000, 'queued', 'submitting', 'intend', 2, NULL, NULL, 'daemon'),
  (1, 4, 1795456810120, 'submitting', 'exporting', 'accepted', 2, NULL, NULL, 'daemon'),
  (1, 5, 1795456822500, 'exporting', 'succeeded', 'finished', 2, NULL, NULL, 'daemon'),
  (9, 1, 1795457050000, 'queued', 'cancelled', 'cancel', 0, NULL, NULL, 'alice');
INSERT INTO job_counts (lane_id, batch_id, state, jobs, weight)
SELECT lane_id, batch_id, state, count(*), sum(weight) FROM jobs GROUP BY lane_id, batch_id, state;
INSERT INTO pauses (batch_id, lane_id, paused_at, paused_by)
SELECT id, NULL, paused_at, paused_by FROM batches WHERE paused_at IS NOT NULL
UNION ALL SELECT NULL, id, paused_at, paused_by FROM lanes WHERE paused_at IS NOT NULL;
