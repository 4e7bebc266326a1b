-- Cars of which nothing was heard for a while, the longest first.
-- $minutes = 60: not heard of for so long
SELECT vehicle_id, max(heard_at) AS last_heard, max_by(kind, heard_at) AS last_kind,
    round(epoch($until::TIMESTAMP - max(heard_at)) / 60, 1) AS minutes_ago,
    max_by(status, heard_at) FILTER (kind = 'presence') AS presence,
    max_by(voltage_v, heard_at) FILTER (voltage_v IS NOT NULL) AS last_voltage_v
FROM observations WHERE heard_at <= $until AND kind <> 'command' AND vehicle_id IS NOT NULL
GROUP BY vehicle_id HAVING max(heard_at) < $until - to_minutes($minutes) ORDER BY last_heard
