-- Cars that opened after their customer was told that they did not: somebody should look.
SELECT s.came_at AS opened_at, s.vehicle_id, round(s.after_s, 1) AS after_s, a.cause,
    a.account_id, a.booking_id, s.source, s.attempt_id
FROM stray_answers AS s LEFT JOIN attempts AS a USING (attempt_id)
WHERE s.came_at BETWEEN $since AND $until AND s.is_late_unlock ORDER BY opened_at DESC
