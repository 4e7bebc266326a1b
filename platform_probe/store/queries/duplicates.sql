-- Unlocks that were answered more than once: sent twice, or carried out twice.
SELECT a.started_at, a.vehicle_id, a.command_id, a.requests,
    count(s.command_id) AS later_answers, max(s.after_s) AS last_after_s,
    list_contains(a.flags, 'duplicate') AS within, a.attempt_id
FROM attempts AS a LEFT JOIN stray_answers AS s
  ON s.attempt_id = a.attempt_id AND s.kind = 'duplicate'
WHERE a.started_at BETWEEN $since AND $until
GROUP BY ALL HAVING within OR later_answers > 0 ORDER BY a.started_at DESC
