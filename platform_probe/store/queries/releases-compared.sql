-- Two releases compared, with a verdict: is one of them worse? What is asked for is a firmware, a
-- version of the app or a release of the API. Newcombe's interval of the difference, 95 %.
-- $before = null: the release that was, such as 2.4.1 [attempts.firmware, attempts.app_version, attempts.api_release]
-- $after = null: the release that is to be judged [attempts.firmware, attempts.app_version, attempts.api_release]
WITH both_of_them AS (
    SELECT cause, CASE WHEN $before IN (firmware, app_version, api_release) THEN 'before'
        WHEN $after IN (firmware, app_version, api_release) THEN 'after' END AS release
    FROM observed WHERE started_at BETWEEN $since AND $until
), counted AS (
    SELECT count(*) FILTER (release = 'before') AS before_unlocks,
        count(cause) FILTER (release = 'before') AS before_failures,
        count(*) FILTER (release = 'after') AS after_unlocks,
        count(cause) FILTER (release = 'after') AS after_failures
    FROM both_of_them
), bounds AS (
    SELECT *, before_failures / before_unlocks AS p, after_failures / after_unlocks AS q,
        wilson_low(before_failures, before_unlocks) AS p_low,
        wilson_high(before_failures, before_unlocks) AS p_high,
        wilson_low(after_failures, after_unlocks) AS q_low,
        wilson_high(after_failures, after_unlocks) AS q_high
    FROM counted
), judged AS (
    SELECT *, q - p - sqrt((q - q_low) ** 2 + (p_high - p) ** 2) AS low,
        q - p + sqrt((q_high - q) ** 2 + (p - p_low) ** 2) AS high
    FROM bounds
)
SELECT before_unlocks, round(100 * p, 2) AS before_percent, after_unlocks,
    round(100 * q, 2) AS after_percent, round(100 * (q - p), 2) AS difference,
    round(100 * low, 2) AS at_least, round(100 * high, 2) AS at_most,
    CASE WHEN before_unlocks = 0 OR after_unlocks = 0 THEN 'one of them was not seen'
        WHEN low > 0 THEN 'worse' WHEN high < 0 THEN 'better'
        ELSE 'no difference is shown' END AS verdict
FROM judged
