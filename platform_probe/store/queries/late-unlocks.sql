-- Cars that opened after their customer was told that they did not, and since when each is locked.
WITH late AS (
    SELECT s.came_at AS opened_at, s.vehicle_id, s.after_s, a.cause, a.account_id, a.booking_id,
        s.source, s.attempt_id
    FROM stray_answers AS s LEFT JOIN attempts AS a USING (attempt_id)
    WHERE s.came_at BETWEEN $since AND $until AND s.is_late_unlock
      -- the platform knew, and the app, answered 202, still asked: for a minute, as customers do
      AND NOT coalesce(
          a.platform_outcome = 'executed' AND a.status < 400 AND s.after_s < 60, false
      )
), locked AS (
    SELECT late.attempt_id, min(heard_at) AS locked_at
    FROM observations JOIN late USING (vehicle_id)
    WHERE heard_at >= $since AND is_locked AND heard_at > late.opened_at
    GROUP BY late.attempt_id
)
SELECT opened_at, vehicle_id, round(after_s, 1) AS after_s, cause, account_id, booking_id, source,
    locked_at, attempt_id
FROM late LEFT JOIN locked USING (attempt_id)
ORDER BY locked_at IS NOT NULL, opened_at DESC
