-- Cars with a weak signal, and how often they did not open.
-- $dbm = -105: median below this
WITH signals AS (
    SELECT vehicle_id, median(signal_dbm) AS signal_dbm, count(*) AS heartbeats FROM observations
    WHERE heard_at BETWEEN $since AND $until AND signal_dbm IS NOT NULL GROUP BY vehicle_id
), unlocked AS (
    SELECT vehicle_id, count(*) AS unlocks, count(cause) AS not_opened FROM observed
    WHERE started_at BETWEEN $since AND $until GROUP BY vehicle_id
)
SELECT s.vehicle_id, round(s.signal_dbm, 1) AS signal_dbm, s.heartbeats,
    coalesce(u.unlocks, 0) AS unlocks, coalesce(u.not_opened, 0) AS not_opened
FROM signals AS s LEFT JOIN unlocked AS u USING (vehicle_id)
WHERE s.signal_dbm < $dbm ORDER BY s.signal_dbm, s.vehicle_id
