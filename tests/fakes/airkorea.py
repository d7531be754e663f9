"""A fake of AirKorea behind the gateway of data.go.kr: hours, history, stations, forecasts, advisories."""

import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from ingest import airkorea_alarms, airkorea_forecast
from ingest.simulated.published import Published
from ingest.simulated.write_airkorea import KST, envelope, list_items, newest_items, station_items
from pipeline.bulletins import Bulletin
from tests.fakes.server import FakeAnswer

KEY = "portal+key/=="
"""What the portal calls the decoded key."""
XML = "application/xml;charset=UTF-8"
FORECAST_DELAY = timedelta(minutes=10)
CODES = {quantity: code for code, quantity in airkorea_forecast.POLLUTANTS.items()}
LEVELS = {level: text for text, level in airkorea_alarms.LEVELS.items()}
STEMS = {region: stem for stem, region in airkorea_forecast.REGIONS.items()}
TERMS = ("DAILY", "MONTH", "3MONTH")


def refusal(code: int, reason: str, status: int = 200) -> FakeAnswer:
    """How the gateway refuses: XML although JSON was asked."""
    text = (
        f"<OpenAPI_ServiceResponse><cmmMsgHeader><errMsg>SERVICE ERROR</errMsg><returnAuthMsg>{reason}"
        f"</returnAuthMsg><returnReasonCode>{code}</returnReasonCode></cmmMsgHeader></OpenAPI_ServiceResponse>"
    )
    return FakeAnswer(status, XML, text.encode())


class AirKoreaFake:
    """The services at their clock's instant.

    ``bulletins`` are forecasts, published ten minutes after their issue, and advisories, entered when issued
    and closed when lifted. ``quota`` is how many calls a service takes from its key on one day of KST.
    """

    source = "airkorea"

    def __init__(
        self,
        published: Published,
        clock: Callable[[], datetime],
        bulletins: Sequence[Bulletin] = (),
        key: str = KEY,
        quota: int = 500,
    ) -> None:
        self.published, self.clock, self.bulletins = published, clock, list(bulletins)
        self.key, self.quota = key, quota
        self.used: dict[tuple[str, str], int] = {}

    def answer(self, method, path, query, form, headers):
        del form, headers
        routes = {
            "/ArpltnInforInqireSvc/getCtprvnRltmMesureDnsty": (self._newest, ("sidoName",)),
            "/ArpltnInforInqireSvc/getMsrstnAcctoRltmMesureDnsty": (
                self._history,
                ("stationName", "dataTerm"),
            ),
            "/MsrstnInfoInqireSvc/getMsrstnList": (self._stations, ()),
            "/" + airkorea_forecast.DAILY: (self._forecast, ("searchDate",)),
            "/" + airkorea_forecast.WEEKLY: (self._weekly, ("searchDate",)),
            "/" + airkorea_forecast.OVER50: (self._over50, ("searchDate",)),
            "/" + airkorea_alarms.OPERATION: (self._alarms, ("year",)),
        }
        if path not in routes or method != "GET":
            return refusal(12, "NO_OPENAPI_SERVICE_ERROR", 404)
        if query.get("serviceKey") != self.key:
            return refusal(30, "SERVICE_KEY_IS_NOT_REGISTERED_ERROR")
        day = (path.split("/")[1], self.clock().astimezone(KST).date().isoformat())
        self.used[day] = self.used.get(day, 0) + 1
        if self.used[day] > self.quota:
            return refusal(22, "LIMITED_NUMBER_OF_SERVICE_REQUESTS_EXCEEDS_ERROR")
        operation, needed = routes[path]
        if query.get("returnType") != "json" or any(not query.get(name) for name in needed):
            return refusal(11, "NO_MANDATORY_REQUEST_PARAMETERS_ERROR")
        body = envelope(operation(query), query)
        return FakeAnswer(body=json.dumps(body, ensure_ascii=False).encode())

    def _newest(self, query):
        return newest_items(self.published, self.clock(), query)

    def _history(self, query):
        if query["dataTerm"] not in TERMS:
            return []
        return station_items(self.published, self.clock(), query)

    def _stations(self, query):
        return list_items(self.published, query)

    def _issued(self, kind, day):
        now = self.clock()
        found = [
            b
            for b in self.bulletins
            if b.kind == kind
            and b.issued_at + FORECAST_DELAY <= now
            and b.issued_at.astimezone(KST).date().isoformat() == day
        ]
        return sorted(found, key=lambda b: b.issued_at, reverse=True)

    def _forecast(self, query):
        return [
            {
                "dataTime": label(b.issued_at) + " 발표",
                "informCode": CODES[b.content["pollutant"]],
                "informData": b.content["target_date"],
                "informGrade": grades(b.content["regions"], ","),
                "informOverall": b.content["overall"],
                "informCause": b.content["cause"],
                "actionKnack": b.content["advice"] or None,
                "imageUrl1": None,
            }
            for b in self._issued("forecast", query["searchDate"])
            if query.get("InformCode", CODES[b.content["pollutant"]]) == CODES[b.content["pollutant"]]
        ]

    def _weekly(self, query):
        items = []
        for b in self._issued("outlook", query["searchDate"]):
            item = {"presnatnDt": query["searchDate"], "gwthcnd": b.content["outlook"]}
            for name, day in zip(airkorea_forecast.WEEK, b.content["days"], strict=False):
                text = grades(day["regions"], ", ") + f", 신뢰도 : {day['confidence']}"
                item |= {f"frcst{name}Dt": day["date"], f"frcst{name}Cn": text}
            items.append(item)
        return items

    def _over50(self, query):
        items = []
        for b in self._issued("over50", query["searchDate"]):
            over = {
                f"{STEMS.get(name, name)}50Over": "O" if region["above"] else None
                for name, region in b.content["regions"].items()
            }
            items.append({"dataTime": label(b.issued_at), "informData": b.content["target_date"], **over})
        return items

    def _alarms(self, query):
        now = self.clock()
        entries = [b for b in self.bulletins if b.kind == "advisory" and b.issued_at <= now]
        return [
            entry(b, n, now)
            for n, b in enumerate(sorted(entries, key=lambda b: b.issued_at, reverse=True))
            if str(b.issued_at.astimezone(KST).year) == query["year"]
            and query.get("itemCode", CODES[b.content["pollutant"]]) == CODES[b.content["pollutant"]]
        ]


def entry(alarm, number, now):
    """An entry of the register; nothing of its end before it is lifted."""
    said = alarm.content
    day, time = moment(alarm.issued_at)
    item = {
        "sn": str(number),
        "dataDate": day,
        "districtName": said["district"],
        "moveName": said["area"],
        "itemCode": CODES[said["pollutant"]],
        "issueGbn": LEVELS[said["level"]],
        "issueDate": day,
        "issueTime": time,
        "issueVal": f"{said['value']:.0f}",
        "clearDate": "",
        "clearTime": "",
        "clearVal": "",
    }
    if alarm.valid_until is not None and alarm.valid_until <= now:
        day, time = moment(alarm.valid_until)
        item |= {"clearDate": day, "clearTime": time, "clearVal": f"{said['lifted_value']:.0f}"}
    return item


def moment(when):
    """Day and HH:MM in KST; midnight ends the day before."""
    local = when.astimezone(KST)
    if (local.hour, local.minute) == (0, 0):
        return (local - timedelta(days=1)).strftime("%Y-%m-%d"), "24:00"
    return local.strftime("%Y-%m-%d"), local.strftime("%H:%M")


def label(issued):
    """How an issue is dated."""
    return issued.astimezone(KST).strftime("%Y-%m-%d %H시")


def grades(regions, comma):
    """Regions and their grades in one line."""
    return comma.join(f"{name} : {region['grade'] or '예보없음'}" for name, region in regions.items())
