-- Where the time goes: each hop by region, of unlocks that went well.
SELECT region, stage AS hop_to, count(*) AS unlocks, round(quantile_cont(hop_s, 0.5), 3) AS p50_s,
    round(quantile_cont(hop_s, 0.95), 3) AS p95_s, round(max(hop_s), 3) AS max_s,
    row_number() OVER (PARTITION BY region ORDER BY quantile_cont(hop_s, 0.95) DESC) AS slowest
FROM hops WHERE started_at BETWEEN $since AND $until AND cause IS NULL
GROUP BY region, stage ORDER BY region, slowest
