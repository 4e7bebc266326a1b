-- Unlocks that were answered more than once, and those for which one request opened the car twice.
-- Each command is an unlock of its own: `commands` of one trace have opened the car, and phones
-- were answered less often than that. `later_answers` are those after an unlock's end.
WITH opened AS (
    SELECT attempt_id, count(*) OVER of_trace AS commands, count(status) OVER of_trace AS answered
    FROM attempts
    WHERE started_at BETWEEN $since AND $until AND cause IS NULL
      AND trace_id IS NOT NULL AND command_id IS NOT NULL
    WINDOW of_trace AS (PARTITION BY vehicle_id, trace_id)
), twice AS (
    SELECT attempt_id, commands FROM opened WHERE commands > greatest(answered, 1)
)
SELECT a.started_at, a.vehicle_id, a.command_id, a.requests, twice.commands,
    count(s.command_id) AS later_answers, max(s.after_s) AS last_after_s,
    coalesce(list_contains(a.flags, 'duplicate'), false) AS within, a.trace_id, a.attempt_id
FROM attempts AS a LEFT JOIN twice USING (attempt_id) LEFT JOIN stray_answers AS s
  ON s.attempt_id = a.attempt_id AND s.kind = 'duplicate'
WHERE a.started_at BETWEEN $since AND $until
GROUP BY ALL HAVING within OR later_answers > 0 OR twice.commands IS NOT NULL
ORDER BY a.started_at DESC
