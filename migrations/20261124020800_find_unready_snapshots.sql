-- Snapshots that are not to be exported as they are: queued jobs of theirs wait for the next listing.
CREATE INDEX snapshots_unready ON snapshots (lane_id, name) WHERE state IN ('pending', 'error');
