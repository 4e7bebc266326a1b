-- Answers to commands that nobody is known to have sent, by car.
SELECT vehicle_id, phase, count(*) AS answers, min(came_at) AS first, max(came_at) AS last
FROM stray_answers WHERE came_at BETWEEN $since AND $until AND kind = 'orphan'
GROUP BY ALL ORDER BY answers DESC, vehicle_id
