-- How often the diagnosis is right where it is about so sure, of the unlocks that people have labelled.
SELECT least(floor(probability * 10), 9) / 10 AS from_probability, count(*) AS labels,
    round(avg(probability), 3) AS probability_said, round(avg(is_right::INTEGER), 3) AS share_right
FROM labelled WHERE started_at BETWEEN $since AND $until
GROUP BY ALL ORDER BY from_probability
