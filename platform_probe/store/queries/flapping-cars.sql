-- Cars whose connection comes and goes: loose wiring, a weak place, or two boxes with one id.
-- $times = 5: so many losses at least
SELECT vehicle_id, count(*) FILTER (status = 'offline') AS losses,
    count(*) FILTER (reason = 'last_will') AS without_goodbye,
    count(DISTINCT session_id) AS sessions, min(heard_at) AS first, max(heard_at) AS last
FROM observations
WHERE heard_at BETWEEN $since AND $until AND kind = 'presence' AND NOT is_retained
GROUP BY vehicle_id HAVING losses >= $times ORDER BY losses DESC, vehicle_id
