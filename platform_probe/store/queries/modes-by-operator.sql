-- How often each failure mode with each mobile operator, of all its unlocks. Some modes open the car all the same.
WITH all_of AS (
    SELECT operator, count(*) AS unlocks FROM observed WHERE started_at BETWEEN $since AND $until
    GROUP BY operator
)
SELECT a.operator, d.mode, count(*) AS with_mode, any_value(all_of.unlocks) AS unlocks,
    round(100 * count(*) / any_value(all_of.unlocks), 2) AS percent,
    count(DISTINCT d.vehicle_id) AS cars, round(avg(d.probability), 2) AS probability
FROM diagnosed AS d JOIN observed AS a USING (attempt_id)
    JOIN all_of ON all_of.operator IS NOT DISTINCT FROM a.operator
WHERE d.began_at BETWEEN $since AND $until
GROUP BY a.operator, d.mode ORDER BY a.operator, with_mode DESC, d.mode
