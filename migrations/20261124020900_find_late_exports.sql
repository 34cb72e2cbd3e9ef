-- Exports that Lightsail shows only after their attempt was taken for absent: whose they are, once the job has ended.
CREATE INDEX jobs_unsuccessful ON jobs (lane_id, snapshot_name) WHERE state IN ('failed', 'cancelled');
CREATE INDEX attempts_absent ON attempts (job_id) WHERE outcome = 'absent';
