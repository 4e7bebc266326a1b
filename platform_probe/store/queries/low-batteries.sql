-- Cars whose battery was last low: they hibernate next.
-- $volts = 11.8: below this
SELECT vehicle_id, round(max_by(voltage_v, heard_at), 2) AS last_voltage_v,
    round(max(voltage_v), 2) AS highest_v, max(heard_at) AS last_heard
FROM observations WHERE heard_at BETWEEN $since AND $until AND voltage_v IS NOT NULL
GROUP BY vehicle_id HAVING max_by(voltage_v, heard_at) < $volts ORDER BY last_voltage_v, vehicle_id
