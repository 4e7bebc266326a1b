-- Cars that repeatedly failed to open, the worst first.
-- $failures = 2: so many times at least
SELECT vehicle_id, count(cause) AS failures, count(*) AS unlocks, mostly(cause) AS mostly,
    max(started_at) FILTER (cause IS NOT NULL) AS last_failure,
    max(started_at) FILTER (cause IS NULL) AS last_opened, any_value(region) AS region,
    any_value(firmware) AS firmware
FROM observed WHERE started_at BETWEEN $since AND $until
GROUP BY vehicle_id
HAVING count(cause) >= $failures ORDER BY failures DESC, last_failure DESC, vehicle_id
