-- Unlocks that another car answered: two boxes with one id, or a box moved to another car.
SELECT started_at, vehicle_id, json_extract_string(evidence, '$.answered_by') AS answered_by,
    cause, booking_id, attempt_id
FROM attempts
WHERE started_at BETWEEN $since AND $until AND list_contains(flags, 'answered_by_another')
ORDER BY started_at DESC
