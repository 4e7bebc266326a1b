-- How often the diagnosis is right of each failure mode that people have labelled, and how sure it is.
SELECT label AS mode, count(*) AS labels, count_if(is_right) AS right_first,
    count_if(is_among_three) AS right_among_three, round(avg(probability), 2) AS probability_said,
    round(avg(is_right::INTEGER), 2) AS share_right,
    mostly(CASE WHEN NOT is_right THEN mode END) AS mostly_taken_for
FROM labelled WHERE started_at BETWEEN $since AND $until
GROUP BY label ORDER BY labels DESC, label
