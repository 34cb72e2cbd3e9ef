-- What ended and what was refused of late is found by a window of an index, whatever the number of jobs.
CREATE INDEX jobs_ended ON jobs (lane_id, finished_at) WHERE finished_at IS NOT NULL;
CREATE INDEX attempts_refused ON attempts (answered_at) WHERE outcome = 'refused';
