-- How often the diagnosis is right by what a wire shows, of the unlocks that people have labelled.
SELECT list_sort(list_filter(told, lambda one: one IN ('receipts', 'reasons', 'presence',
        'telemetry', 'events', 'state', 'platform', 'broker_log'))) AS wire_shows,
    count(*) AS labels, count_if(is_right) AS right_first,
    count_if(is_among_three) AS right_among_three, round(avg(probability), 2) AS probability_said,
    round(avg(is_right::INTEGER), 2) AS share_right
FROM labelled WHERE started_at BETWEEN $since AND $until
GROUP BY ALL ORDER BY labels DESC, wire_shows
