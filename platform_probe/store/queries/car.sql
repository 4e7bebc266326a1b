-- Everything about one car in order of time: unlocks, what was heard of it, the platform's log.
-- $vehicle = null: the car [attempts.vehicle_id, observations.vehicle_id, platform_events.vehicle_id]
SELECT * FROM (
    SELECT started_at AS at_time, 'unlock' AS what, coalesce(cause, 'opened') AS detail,
        reason, attempt_id AS id
    FROM attempts WHERE vehicle_id = $vehicle AND started_at BETWEEN $since AND $until
    UNION ALL
    SELECT heard_at, 'heard: ' || kind, coalesce(phase, status, action,
        CASE is_locked WHEN true THEN 'locked' WHEN false THEN 'unlocked' END), reason, command_id
    FROM observations WHERE vehicle_id = $vehicle AND heard_at BETWEEN $since AND $until
    UNION ALL
    SELECT logged_at, 'platform: ' || event, operation || coalesce(' ' || status, ''),
        coalesce(problem, reason), coalesce(command_id, request_id)
    FROM platform_events WHERE vehicle_id = $vehicle AND logged_at BETWEEN $since AND $until
    UNION ALL
    SELECT came_at, 'answer: ' || kind, phase, NULL, command_id
    FROM stray_answers WHERE vehicle_id = $vehicle AND came_at BETWEEN $since AND $until
) ORDER BY at_time, what
