-- The unlocks that went well and took longest, with the hop that took most of it.
SELECT any_value(started_at) AS started_at, any_value(vehicle_id) AS vehicle_id,
    round(any_value(total_s), 2) AS total_s, max_by(stage, hop_s) AS slowest_hop_to,
    round(max(hop_s), 2) AS hop_s, any_value(region) AS region, attempt_id
FROM hops WHERE started_at BETWEEN $since AND $until AND cause IS NULL
GROUP BY attempt_id ORDER BY total_s DESC, attempt_id
