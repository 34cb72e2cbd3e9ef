-- Jobs that wait to be tried again, apart from those that a person has put off.
CREATE INDEX jobs_again ON jobs (lane_id, due_at) WHERE state = 'queued' AND due_at IS NOT NULL AND attempt > 0;
