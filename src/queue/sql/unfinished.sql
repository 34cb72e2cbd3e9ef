SELECT (SELECT coalesce(sum(tallies.jobs), 0)
        FROM tallies
        JOIN batches ON batches.id = tallies.batch_id
        JOIN lanes ON lanes.id = tallies.lane_id
        WHERE batches.state = 'sealed'
          AND (tallies.state IN ('submitting', 'exporting', 'unknown')
               OR (tallies.state = 'queued' AND batches.paused_at IS NULL AND lanes.paused_at IS NULL)))
     - (SELECT count(*) FROM lanes CROSS JOIN jobs
        ON jobs.lane_id = lanes.id AND jobs.paused_at IS NOT NULL
        JOIN batches ON batches.id = jobs.batch_id
        WHERE batches.state = 'sealed' AND batches.paused_at IS NULL AND lanes.paused_at IS NULL) AS "count!: i64"
