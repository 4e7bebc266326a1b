-- Cars that cannot be reached, with a booking that has not been opened yet: who will call next?
-- $minutes = 60: bookings made so long before the end of the time
-- $silent_minutes = 60: not heard of for so long
WITH booked AS (
    SELECT booking_id, vehicle_id, any_value(account_id) AS account_id, min(logged_at) AS booked_at
    FROM platform_events
    WHERE operation = 'book' AND event = 'answered' AND status < 300
      AND logged_at BETWEEN $until - to_minutes($minutes) AND $until
    GROUP BY ALL
), heard AS (
    SELECT vehicle_id, max(heard_at) AS last_heard,
        max_by(status, heard_at) FILTER (kind = 'presence') AS presence,
        max_by(reason, heard_at) FILTER (kind = 'presence' AND status = 'offline') AS offline_reason
    FROM observations WHERE heard_at <= $until AND vehicle_id IN (SELECT vehicle_id FROM booked)
    GROUP BY vehicle_id
)
SELECT b.booked_at, b.vehicle_id, b.booking_id, b.account_id, h.presence, h.offline_reason,
    h.last_heard
FROM booked AS b LEFT JOIN heard AS h USING (vehicle_id)
WHERE (h.last_heard IS NULL OR h.presence = 'offline'
       OR h.last_heard < $until - to_minutes($silent_minutes))
  AND NOT EXISTS (
    SELECT 1 FROM attempts AS a
    WHERE a.booking_id = b.booking_id AND a.cause IS NULL
      AND a.started_at >= $until - to_minutes($minutes)
  )
ORDER BY b.booked_at
