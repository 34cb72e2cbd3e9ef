-- A batch with a row in each kind of end, whose words want to be more than text; times count from 2026-11-23T18:00:00Z.
INSERT INTO runs (id, began_at, pid, version) VALUES (1, 1795456800000, 812, '0.1.0');
INSERT INTO lanes (id, account, region, proven) VALUES (1, 'default', 'eu-west-1', 1), (2, 'prod', 'us-east-1', 1);
INSERT INTO batches (id, name, source, state, created_at, sealed_at, rows_read, rows_new, rows_live, rows_repeated, rows_rejected, carried) VALUES
  (1, '<script>alert("b")</script> & ''co''', '/home/ann/private/fleet<1>.csv', 'sealed', 1795456800000, 1795456801000, 8, 6, 0, 1, 1, '["owner</th>","note"]');
INSERT INTO jobs (id, lane_id, batch_id, line, snapshot_name, priority, existing, state, attempt, used, adopted, destination_service, destination_id, error_code, error_message, queued_at, submitted_at, finished_at) VALUES
  (1, 1, 1, 2, 'web-1', 0, 'adopt', 'succeeded', 1, 1, 0, 'Aws::EC2::Image', 'ami-0123456789abcdef0', NULL, NULL, 1795456801000, 1795456810000, 1795457710000),
  (2, 1, 1, 3, 'web-2', 0, 'adopt', 'succeeded', 0, 0, 1, 'Aws::EC2::Snapshot', 'snap-0123456789abcdef0', NULL, NULL, 1795456801000, NULL, 1795456805000),
  (3, 1, 1, 4, 'web-3', 0, 'adopt', 'failed', 0, 0, 0, NULL, NULL, 'SnapshotNotFound', '<img src=x onerror="alert(1)"> no snapshot of the name "web-3"', 1795456801000, NULL, 1795456806000),
  (4, 2, 1, 5, 'db-1', 0, 'adopt', 'cancelled', 0, 0, 0, NULL, NULL, NULL, NULL, 1795456801000, NULL, 1795456900000),
  (5, 2, 1, 6, 'db-2', 0, 'adopt', 'succeeded', 1, 1, 0, 'Aws::EC2::Snapshot', 'snap-00000000000000abc', NULL, NULL, 1795456801000, 1795456812000, 1795458900000),
  (6, 2, 1, 7, 'db-3', 0, 'adopt', 'failed', 1, 1, 0, NULL, NULL, 'OperationFailed', 'the copy failed after 312 s', 1795456801000, 1795456813000, 1795458000000);
INSERT INTO batch_rows (batch_id, line, job_id, disposition, carried) VALUES
  (1, 2, 1, 'new', '["ann","=1+1"]'),
  (1, 3, 2, 'new', '["</td></tr></table><svg onload=alert(1)>","&amp;"]'),
  (1, 4, 3, 'new', '["","\u001b[31mred"]'),
  (1, 5, 4, 'new', NULL),
  (1, 6, 5, 'new', '["bob"]'),
  (1, 7, 6, 'new', '["-->",""]'),
  (1, 8, 1, 'repeated', '["ann","again"]');
INSERT INTO transitions (job_id, step, at, from_state, to_state, event, attempt, actor) VALUES
  (1, 1, 1795456810000, 'queued', 'submitting', 'intend', 1, 'daemon'),
  (1, 2, 1795456810120, 'submitting', 'exporting', 'accepted', 1, 'daemon'),
  (1, 3, 1795457710000, 'exporting', 'succeeded', 'finished', 1, 'daemon'),
  (2, 1, 1795456805000, 'queued', 'succeeded', 'already_exported', 0, 'daemon'),
  (3, 1, 1795456806000, 'queued', 'failed', 'not_exportable', 0, 'daemon'),
  (4, 1, 1795456900000, 'queued', 'cancelled', 'cancel', 0, 'alice'),
  (5, 1, 1795456812000, 'queued', 'submitting', 'intend', 1, 'daemon'),
  (5, 2, 1795456812120, 'submitting', 'exporting', 'accepted', 1, 'daemon'),
  (5, 3, 1795458900000, 'exporting', 'succeeded', 'finished', 1, 'daemon'),
  (6, 1, 1795456813000, 'queued', 'submitting', 'intend', 1, 'daemon'),
  (6, 2, 1795456813120, 'submitting', 'exporting', 'accepted', 1, 'daemon'),
  (6, 3, 1795458000000, 'exporting', 'failed', 'operation_failed', 1, 'daemon');
INSERT INTO job_counts (lane_id, batch_id, state, jobs, weight)
SELECT lane_id, batch_id, state, count(*), sum(weight) FROM jobs GROUP BY lane_id, batch_id, state;
