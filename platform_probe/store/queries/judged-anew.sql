-- Unlocks of which something came later that changed what they were taken for.
SELECT old.started_at, old.vehicle_id, coalesce(old.cause, 'opened') AS first_judged,
    coalesce(held.cause, 'opened') AS now_judged, held.revision, held.attempt_id
FROM attempt_revisions AS old JOIN attempts AS held USING (attempt_id)
WHERE old.started_at BETWEEN $since AND $until AND old.revision = 1 AND held.revision > 1
  AND old.cause IS DISTINCT FROM held.cause ORDER BY old.started_at DESC
