"""A measured world with runs, a forecast, observations under rules, and a warning, behind real servers."""

from datetime import timedelta

import numpy as np
import pandas as pd
import requests
import xarray as xr

from alerts.examples import example_content
from alerts.feed import cap_name
from alerts.warnings import propose_version
from pipeline.ledger.agency_links import link_account
from pipeline.ledger.deliveries import OutboxRow, insert_outbox
from pipeline.ledger.recipients import Contact, RecipientRow, write_recipient
from pipeline.ledger.runs import begin_run, finish_run, make_current
from pipeline.ledger.warnings import insert_event
from pipeline.observations import ObservationStore
from pipeline.times import parse_instant, to_ns
from review.accounts.roles import Role
from review.app import create_app
from tests.review.running_app import NOW, RunningApp
from tests.review.signed_in import cookies, csrf_of, person

CYCLE = parse_instant("2026-01-14T08:00Z")
MEASURED = {"world": "measured", "simulated": False, "cap_status": "Actual"}
RULE = """
[[seoul.rule]]
name = "{name}"
world = "measured"
stations = ["{stations}"]
quantities = ["pm2p5"]
delay_hours = 1
embargo_hours = {embargo}
look_back_hours = 72
licence = "licence of {name}"
attribution = "Seoul"
redistribution = "{who}"
"""


class ReadWorld(RunningApp):
    """A server, what stands in its ledger, and people who ask."""

    def __init__(self, folder, make=create_app, **chosen):
        self.sharing = folder / "sharing.toml"
        table = '[seoul]\nnetworks = ["airkorea"]\n'
        table += RULE.format(name="open", stations="airkorea:open*", embargo=2, who="public")
        table += RULE.format(name="desks", stations="airkorea:desk*", embargo=0, who="parties")
        table += RULE.format(name="kept", stations="airkorea:kept*", embargo=0, who="none")
        self.sharing.write_text(table)
        given = {"sharing_file": self.sharing}
        super().__init__(folder, lambda settings, **k: make(settings.model_copy(update=given), **k, **chosen))

    def get(self, path, role=Role.lead, jar=None, **kwargs):
        """Ask as a person of a role."""
        jar = jar if jar is not None else self.jar(role)
        return requests.get(self.base + path, timeout=120, allow_redirects=False, cookies=jar, **kwargs)

    def jar(self, role, **who):
        """Return the cookies of a person, whose session is kept."""
        known = self.__dict__.setdefault("jars", {})
        key = (role, *sorted(who.items()))
        if key not in known:
            known[key] = cookies(self.ledger, self.now, role=role, **who)
        return known[key]

    def post(self, path, role, data=None, **who):
        """Send a form with the token of the session."""
        jar = self.jar(role, **who)
        form = {"csrf": csrf_of(self.ledger, self.now, jar), **(data or {})}
        return requests.post(self.base + path, data=form, timeout=120, allow_redirects=False, cookies=jar)

    def run(self, world="measured", cycle=CYCLE, forecast=None):
        """Enter a current run."""
        products = {}
        with self.ledger.write() as conn:
            run = begin_run(conn, world=world, cycle=cycle, as_of=cycle, code_version="0.1", at=cycle)
            if forecast is not None:
                path = self.settings.runs_dir / run / "forecast.nc"
                path.parent.mkdir(parents=True)
                forecast.to_netcdf(path, engine="h5netcdf")
                products = {"forecast": str(path.relative_to(self.settings.data_dir))}
            finish_run(conn, run, at=cycle + timedelta(seconds=9), model_id="m", inputs={}, degraded="",
                       products=products)  # fmt: skip
            make_current(conn, run, expected=None)
        return run

    def observe(self, station, hours_ago, value, received=None):
        """Store one value of an hour before now, received when it ended unless told otherwise."""
        time = to_ns(NOW.replace(minute=0)) - np.timedelta64(hours_ago, "h")
        rows = pd.DataFrame(
            {"station": [station], "quantity": ["pm2p5"], "value": [float(value)],
             "time": np.array([time], "M8[ns]"), "qc": np.array([0], "int8")}
        )  # fmt: skip
        at = received or NOW - timedelta(hours=hours_ago)
        store = ObservationStore(self.settings.observations_dir, self.ledger, lambda: at)
        store.append(rows, source="airkorea.hourly", world="measured")

    def warn(self, warning_id, *, issued=True, **changes):
        """Enter a warning; an issued one has a CAP file."""
        content = example_content(warning_id=warning_id, **{**MEASURED, **changes})
        with self.ledger.write() as conn:
            propose_version(conn, content, NOW)
            if issued:
                insert_event(conn, warning_id, 1, state="issued", actor="kim", reason="", at=NOW)
        return content

    def send(self, warning_id, recipient):
        """Enter that a version was sent to a recipient."""
        row = OutboxRow(
            id=f"{warning_id}.{recipient}", warning_id=warning_id, version=1, recipient=recipient,
            address="secret@seoul.example", message_id=f"<{warning_id}{recipient}@x>", payload_digest="d",
            expires=NOW, created_at=NOW, next_attempt_at=NOW, state="sent", sent_at=NOW,
        )  # fmt: skip
        with self.ledger.write() as conn:
            insert_outbox(conn, [row])

    def desk(self, recipient, party="seoul", **who):
        """Enter a recipient and let the agency's account of the party speak for it."""
        names = {"en": f"Desk {recipient}", "ko": "기관", "zh": "机构"}
        row = RecipientRow(recipient, party, ["en"], [party], "J1", "email", NOW, NOW)
        account = person(self.ledger, self.now, role=Role.agency, party=party, **who)
        with self.ledger.write() as conn:
            write_recipient(conn, row, Contact(recipient, recipient, names, f"secret@{recipient}.example"))
            link_account(conn, account.name, recipient, by="op", at=NOW)
        return account.name

    def cap(self, warning_id, text=b"<alert/>"):
        """Put a CAP file where issuing would."""
        folder = self.settings.data_dir / "warnings"
        folder.mkdir(exist_ok=True)
        (folder / cap_name(warning_id, 1)).write_bytes(text)


def small_forecast():
    """A forecast of two cities, two hours and two days with known numbers."""
    cities, hours, days, levels, limits = ["beijing", "seoul"], [1, 2], [0, 1], [0.1, 0.5, 0.9], [35, 75]
    hourly = np.arange(12, dtype="float32").reshape(2, 2, 3) + 10
    chance = np.array([0.75, 0.125], "float32")
    return xr.Dataset(
        {
            "pm2p5": (("city", "forecast_period", "quantile"), hourly),
            "probability_of_exceedance": (
                ("city", "forecast_period", "threshold"), np.broadcast_to(chance, (2, 2, 2)).copy()
            ),
            "pm2p5_day_mean": (("city", "lead_day", "quantile"), hourly + 100),
            "probability_of_day_mean_exceedance": (
                ("city", "lead_day", "threshold"), np.broadcast_to(chance, (2, 2, 2)).copy()
            ),
            "observed_share_of_day": (("city", "lead_day"), np.array([[0.5, np.nan], [0.5, 0]], "float32")),
        },
        coords={
            "city": cities, "forecast_period": np.array(hours, "int32"), "lead_day": days,
            "quantile": np.array(levels, "float32"), "threshold": limits,
            "latitude": ("city", [39.9, 37.5]), "longitude": ("city", [116.4, 127.0]),
        },
        attrs={"model_id": "m", "inputs_missing": "seoul.pm10.reference"},
    )  # fmt: skip
