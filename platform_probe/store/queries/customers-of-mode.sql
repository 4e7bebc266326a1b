-- What the customers of a failure mode lived through: how long they waited, how often they pressed,
-- what the app was told, when a car opened for them after all, and whether they called support.
-- Of a request whose log names no customer it is the one whose booking it was.
-- $mode = null: the mode, as docs/modes.md names it [modes]
WITH whose AS (
    SELECT booking_id, any_value(account_id) AS account_id FROM (
        SELECT booking_id, account_id FROM attempts
        UNION ALL SELECT booking_id, account_id FROM platform_events
    ) WHERE account_id IS NOT NULL AND booking_id IN (
        SELECT booking_id FROM diagnosed
        WHERE began_at BETWEEN $since AND $until AND mode = $mode
    ) GROUP BY booking_id
), their AS (
    SELECT a.* REPLACE (coalesce(a.account_id, w.account_id) AS account_id)
    FROM attempts AS a LEFT JOIN whose AS w USING (booking_id)
)
SELECT d.began_at, a.account_id, d.vehicle_id, d.booking_id, round(d.probability, 2) AS probability,
    coalesce(a.cause, 'opened') AS ended, round(a.total_s, 1) AS waited_s, a.requests, a.status,
    a.problem, (
        SELECT min(later.started_at) FROM attempts AS later
        WHERE later.account_id = a.account_id AND later.cause IS NULL
          AND later.started_at > a.started_at
    ) AS opened_at, EXISTS (
        SELECT 1 FROM complaints
        WHERE list_contains(attempts, d.attempt_id) OR complaint_id = d.attempt_id
    ) AS called_support, d.attempt_id
FROM diagnosed AS d LEFT JOIN their AS a USING (attempt_id)
WHERE d.began_at BETWEEN $since AND $until AND d.mode = $mode
ORDER BY d.began_at DESC
