-- Cars that opened although the app said that they did not.
SELECT started_at, vehicle_id, account_id, status, problem, platform_outcome, total_s, attempt_id
FROM attempts WHERE started_at BETWEEN $since AND $until AND list_contains(flags, 'told_otherwise')
ORDER BY started_at DESC
