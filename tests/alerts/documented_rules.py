"""The published criteria, written out by hand row by row; they share nothing with the files of the rules.

Each row: rule, first and last local day, and the numbers that the documents give.
"""

OPEN = None
NATIONAL_2017 = [
    [{"gt": 200, "days": 1}],
    [{"gt": 200, "days": 2}],
    [{"gt": 200, "days": 3, "also_gt": 300, "also_days": 1}],
    [{"gt": 200, "days": 4, "also_gt": 300, "also_days": 2}, {"gt": 499, "days": 1}],
]
PLAN_2018 = [[{"gt": 200, "days": 2}], [{"gt": 200, "days": 3}], NATIONAL_2017[3]]
PLAN_2023 = [
    [{"gt": 200, "days": 1}, {"gt": 150, "days": 2}],
    [{"gt": 200, "days": 2}, {"gt": 150, "days": 3}],
    [{"gt": 200, "days": 3, "also_gt": 300, "also_days": 1}],
]
IAQI = [0, 50, 100, 150, 200, 300, 400, 500]
GASES = {
    "so2_24h": [0, 50, 150, 475, 800, 1600, 2100, 2620],
    "so2_1h": [0, 150, 500, 650, 800],
    "no2_24h": [0, 40, 80, 180, 280, 565, 750, 940],
    "no2_1h": [0, 100, 200, 700, 1200, 2340, 3090, 3840],
    "co_24h": [0, 2, 4, 14, 24, 36, 48, 60],
    "co_1h": [0, 5, 10, 35, 60, 90, 120, 150],
    "o3_8h": [0, 100, 160, 215, 265, 800],
    "o3_1h": [0, 160, 200, 300, 400, 800, 1000, 1200],
}
STEPS = [
    {"today_mean_gt": 50, "tomorrow_gt": 50},
    {"hourly_ge": 150, "hours": 2, "tomorrow_gt": 75},
    {"hourly_ge": 200, "hours": 2, "tomorrow_gt": 150},
    {"hourly_ge": 400, "hours": 2, "tomorrow_gt": 200},
]


def advisory(issue, lift, warning, step_down):
    named = {"advisory_ge": issue, "advisory_lift_lt": lift, "warning_ge": warning}
    return {**named, "warning_to_advisory_lt": step_down, "hours": 2}


DOCUMENTED = [
    # Korea: standards, 24 h and year
    ("kr.standard.pm2p5", "2015-01-01", "2018-03-26", {"day_mean": 50}),
    ("kr.standard.pm2p5", "2018-03-27", OPEN, {"day_mean": 35}),
    ("kr.standard.pm10", "2007-01-01", OPEN, {"day_mean": 100}),
    ("kr.standard_year.pm2p5", "2015-01-01", "2018-03-26", {"value": 25}),
    ("kr.standard_year.pm2p5", "2018-03-27", OPEN, {"value": 15}),
    ("kr.standard_year.pm10", "2007-01-01", OPEN, {"value": 50}),
    ("kr.standard_year.pm2p5_days", "2015-01-01", "2018-03-26", {"value": 50, "percentile": 99}),
    ("kr.standard_year.pm2p5_days", "2018-03-27", OPEN, {"value": 35, "percentile": 99}),
    ("kr.standard_year.pm10_days", "2007-01-01", OPEN, {"value": 100, "percentile": 99}),
    # grades
    ("kr.grade_pilot", "2013-08-01", "2014-12-31", {"edges": {"pm10": [30, 80, 120, 200]}}),
    ("kr.grade", "2015-01-01", "2018-03-26", {"edges": {"pm2p5": [15, 50, 100], "pm10": [30, 80, 150]}}),
    ("kr.grade", "2018-03-27", OPEN, {"edges": {"pm2p5": [15, 35, 75], "pm10": [30, 80, 150]}}),
    # advisories and warnings
    (
        "kr.advisory_pilot",
        "2014-01-01",
        "2014-12-31",
        {"values": {"pm2p5_day_mean": [60, 120], "pm10_hour": 200}},
    ),
    ("kr.advisory_zones", "2018-07-01", OPEN, {"zones": {"Seoul": 5, "Gyeonggi": 4, "Daegu": 2}}),
    ("kr.advisory.pm2p5", "2015-01-01", "2018-06-30", advisory(90, 50, 180, 90)),
    ("kr.advisory.pm2p5", "2018-07-01", OPEN, advisory(75, 35, 150, 75)),
    ("kr.advisory.pm10", "2015-01-01", OPEN, advisory(150, 100, 300, 150)),
    # measures and crisis alert
    (
        "kr.emergency_measures",
        "2017-07-01",
        "2019-02-14",
        {"area": {"of": 3, "at_least": 3}, "part_day_hours": 16},
    ),
    (
        "kr.emergency_measures_seoul",
        "2017-07-01",
        "2019-02-14",
        {"not_before_weekend": True, "part_day_hours": 16},
    ),
    (
        "kr.emergency_measures",
        "2019-02-15",
        OPEN,
        {
            "alternatives": [
                {"part_day_gt": 50, "tomorrow_gt": 50},
                {"advisory_today": "kr.advisory.pm2p5", "tomorrow_gt": 50},
                {"tomorrow_gt": 75},
            ]
        },
    ),
    ("kr.preliminary_measures", "2018-11-01", OPEN, {"both_days_gt": 50, "area": {"of": 3, "at_least": 2}}),
    ("kr.pm2p5_crisis", "2019-10-01", OPEN, {"steps": STEPS}),
    ("kr.pm2p5_crisis_duration", "2019-10-01", OPEN, {"days": 2, "expected_days": 1}),
    # dust
    ("kr.dust_warning", "2002-04-01", "2007-01-31", {"criteria": [500, 1000], "expected_hours": 2}),
    ("kr.dust_warning", "2007-02-01", "2016-12-31", {"criteria": [400, 800], "expected_hours": 2}),
    ("kr.dust_warning", "2017-01-01", OPEN, {"criteria": [800], "expected_hours": 2}),
    (
        "kr.dust_crisis",
        "2015-01-01",
        OPEN,
        {
            "attention_day_mean_gt": 150,
            "caution_ge": 300,
            "caution_hours": 2,
            "alert_ge": 800,
            "alert_hours": 2,
            "serious": [{"ge": 2400, "hours": 24 + 24}, {"ge": 1600, "hours": 24 + 48}],
            "stepped_down_le": 150,
        },
    ),
    # index, calendar, timetables
    (
        "kr.cai",
        "2018-03-27",
        OPEN,
        {"index": [[0, 50], [51, 100], [101, 250], [251, 500]], "surcharge": [0, 0, 50, 75]},
    ),
    (
        "kr.forecast_schedule",
        "2017-11-01",
        OPEN,
        {"issue_hours_kst": [5, 11, 17, 23], "lead_days": [0, 1, 2]},
    ),
    ("kr.weekly_outlook", "2020-11-16", OPEN, {"lead_days": [3, 4, 5, 6], "regions": 19}),
    ("kr.high_concentration_forecast", "2023-11-27", OPEN, {"above": 50, "hours_ahead": 36}),
    ("kr.seasonal_management", "2019-12-01", OPEN, {"months": [12, 1, 2, 3]}),
    # China: standards of class II and I
    ("cn.standard.pm2p5", "2013-01-01", "2026-02-28", {"day_mean": 75}),
    ("cn.standard.pm2p5", "2026-03-01", "2030-12-31", {"day_mean": 60}),
    ("cn.standard.pm2p5", "2031-01-01", OPEN, {"day_mean": 50}),
    ("cn.standard.pm10", "2013-01-01", "2026-02-28", {"day_mean": 150}),
    ("cn.standard.pm10", "2026-03-01", "2030-12-31", {"day_mean": 120}),
    ("cn.standard.pm10", "2031-01-01", OPEN, {"day_mean": 100}),
    ("cn.standard_year.pm2p5", "2013-01-01", "2026-02-28", {"value": 35}),
    ("cn.standard_year.pm2p5", "2026-03-01", "2030-12-31", {"value": 30}),
    ("cn.standard_year.pm2p5", "2031-01-01", OPEN, {"value": 25}),
    ("cn.standard_year.pm10", "2013-01-01", "2026-02-28", {"value": 70}),
    ("cn.standard_year.pm10", "2026-03-01", "2030-12-31", {"value": 60}),
    ("cn.standard_year.pm10", "2031-01-01", OPEN, {"value": 50}),
    ("cn.standard.pm2p5_class1", "2013-01-01", "2026-02-28", {"day_mean": 35, "annual_mean": 15}),
    ("cn.standard.pm2p5_class1", "2026-03-01", "2030-12-31", {"day_mean": 35, "annual_mean": 15}),
    ("cn.standard.pm2p5_class1", "2031-01-01", OPEN, {"day_mean": 25, "annual_mean": 10}),
    ("cn.standard.pm10_class1", "2013-01-01", "2026-02-28", {"day_mean": 50, "annual_mean": 40}),
    ("cn.standard.pm10_class1", "2026-03-01", "2030-12-31", {"day_mean": 50, "annual_mean": 40}),
    ("cn.standard.pm10_class1", "2031-01-01", OPEN, {"day_mean": 50, "annual_mean": 20}),
    # index
    (
        "cn.aqi",
        "2013-01-01",
        "2026-02-28",
        {
            "iaqi": IAQI,
            "breakpoints": {
                "pm2p5": [0, 35, 75, 115, 150, 250, 350, 500],
                "pm10": [0, 50, 150, 250, 350, 420, 500, 600],
            },
            "gases": GASES,
            "level_above": [50, 100, 150, 200, 300],
            "no_index_above": ["so2_1h", "o3_8h"],
        },
    ),
    (
        "cn.aqi",
        "2026-03-01",
        OPEN,
        {
            "iaqi": IAQI,
            "breakpoints": {
                "pm2p5": [0, 35, 60, 115, 150, 250, 350, 500],
                "pm10": [0, 50, 120, 250, 350, 420, 500, 600],
            },
            "gases": GASES,
            "level_above": [50, 100, 150, 200, 300],
            "no_index_above": [],
            "real_time_hours_of_pm": 1,
            "not_reported_to": 100,
        },
    ),
    # plans
    (
        "cn.alert.beijing",
        "2013-10-22",
        "2015-03-29",
        {
            "criteria": [
                [{"gt": 200, "days": 1}],
                [{"gt": 300, "days": 1}, {"gt": 200, "days": 3}],
                [{"gt": 200, "days": 3, "also_gt": 300, "also_days": 1}],
                [{"gt": 300, "days": 3}],
            ]
        },
    ),
    ("cn.alert.beijing", "2015-03-30", "2016-12-14", {"criteria": [[{"gt": 200, "days": 4}]]}),
    ("cn.alert.beijing", "2016-12-15", "2018-10-31", {"criteria": NATIONAL_2017}),
    ("cn.alert.beijing", "2018-11-01", "2023-10-31", {"criteria": PLAN_2018}),
    ("cn.alert.beijing", "2023-11-01", OPEN, {"criteria": PLAN_2023}),
    ("cn.alert.national", "2016-03-31", "2017-09-19", {"criteria": NATIONAL_2017}),
    ("cn.alert.national", "2017-09-20", "2018-10-31", {"criteria": NATIONAL_2017}),
    ("cn.alert.national", "2018-11-01", "2024-01-22", {"criteria": PLAN_2018}),
    ("cn.alert.national", "2024-01-23", OPEN, {"criteria": PLAN_2023}),
    ("cn.alert_lift", "2017-09-01", OPEN, {"iaqi_le": 150, "stay_hours": 36}),
    ("cn.alert_lift_beijing", "2017-09-01", OPEN, {"iaqi_le": 150, "stay_hours": 36}),
    ("cn.dust", "2016-12-15", OPEN, {"iaqi_gt": 100}),
    ("exchange.bulletin", "2019-12-27", OPEN, {"sent_at": "18:00 CST daily", "days": 3}),
]
