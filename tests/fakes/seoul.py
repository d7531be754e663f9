"""A fake of Seoul Open Data: the key in the path, one hour, zeros where a value is missing."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta, timezone

from ingest.simulated.published import Published, by_hour
from pipeline.times import from_ns
from tests.fakes.server import FakeAnswer

KEY = "73656f756c/key"
KST = timezone(timedelta(hours=9))
OPERATION = "RealtimeCityAir"
PPM = {
    "O3": "ozone_fraction",
    "NO2": "nitrogen_dioxide_fraction",
    "CO": "carbon_monoxide_fraction",
    "SO2": "sulfur_dioxide_fraction",
}


class SeoulFake:
    """The portal at its clock's instant: stations ``seoul:<district>`` of what is published.

    ``midnight`` is how it writes the end of a day, ``2400`` or ``0000``.
    """

    source = "seoul"

    def __init__(
        self,
        published: Published,
        clock: Callable[[], datetime],
        key: str = KEY,
        midnight: str = "0000",
    ) -> None:
        self.published, self.clock, self.key, self.midnight = published, clock, key, midnight

    def answer(self, method, path, query, form, headers):
        del query, form, headers
        if method != "GET" or not path.startswith(f"/{self.key}/"):
            return xml("INFO-100", "인증키가 유효하지 않습니다.")
        parts = path.removeprefix(f"/{self.key}/").strip("/").split("/")
        if len(parts) < 4 or not (parts[2].isdigit() and parts[3].isdigit()):
            return xml("ERROR-300", "필수 값이 누락되어 있습니다.")
        if parts[1] != OPERATION:
            return xml("ERROR-310", "해당하는 서비스를 찾을 수 없습니다.")
        first, last = int(parts[2]), int(parts[3])
        if last - first >= 1000:
            return xml("ERROR-336", "데이터요청은 한번에 최대 1000건을 넘을 수 없습니다.")
        rows = self.rows()
        if not rows[first - 1 : last]:
            return as_json({"RESULT": {"CODE": "INFO-200", "MESSAGE": "해당하는 데이터가 없습니다."}})
        result = {"CODE": "INFO-000", "MESSAGE": "정상 처리되었습니다"}
        body = {"list_total_count": len(rows), "RESULT": result, "row": rows[first - 1 : last]}
        return as_json({OPERATION: body})

    def rows(self):
        """What the newest hour of each district is."""
        now = self.clock()
        known = self.published.known(now, now - timedelta(days=1), now, "seoul:")
        known = known[known["time"] == known.groupby("station", observed=True)["time"].transform("max")]
        return [self._row(station, from_ns(time), v) for (station, time), v in by_hour(known).items()]

    def _row(self, station, end, values):
        def shown(quantity, scale, digits):
            value = values.get(quantity, (0.0, ""))[0]
            return round(value / scale, digits) if value == value else 0

        local = end.astimezone(KST)
        label = local.strftime("%Y%m%d%H%M")
        if local.hour == 0 and self.midnight == "2400":
            label = (local - timedelta(days=1)).strftime("%Y%m%d2400")
        whole = all(values.get(q, (float("nan"),))[0] == values.get(q, (0.0,))[0] for q in ("pm2p5", "pm10"))
        return {
            "MSRDT": label,
            "MSRRGN_NM": "도심권",
            "MSRSTE_NM": station.split(":")[1],
            "PM10": int(shown("pm10", 1, 0)),
            "PM25": int(shown("pm2p5", 1, 0)),
            **{field: shown(quantity, 1000.0, 3) for field, quantity in PPM.items()},
            "IDEX_NM": "보통" if whole else "",
            "IDEX_MVL": 60 if whole else "",
            "ARPLT_MAIN": "PM25" if whole else "",
        }


def as_json(content):
    """A success, or a refusal in JSON."""
    body = json.dumps(content, ensure_ascii=False).encode()
    return FakeAnswer(200, "application/json;charset=UTF-8", body)


def xml(code, message):
    """A refusal in XML although JSON was asked."""
    text = f"<RESULT>\r\n<CODE>{code}</CODE>\r\n<MESSAGE><![CDATA[{message}]]></MESSAGE>\r\n</RESULT>"
    return FakeAnswer(200, "text/xml;charset=UTF-8", text.encode())
