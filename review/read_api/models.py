"""The documents of the API; every number says its unit in its name or beside it. Instants are UTC."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field


class WorldHealth(BaseModel):
    """How the newest cycles of a world stand."""

    world: str
    simulated: bool = Field(description="true: invented air, nothing of it was measured")
    health: str = Field(description="good, degraded, late or failed")
    cycles_behind: int = Field(description="cycles [6 h] that are lacking since the current one")
    current_cycle: str | None
    degraded: str = Field(description="what the last run did without; empty: nothing")


class Health(BaseModel):
    """All worlds."""

    worlds: list[WorldHealth]


class RemovedFile(BaseModel):
    """A file of a run that retention removed."""

    name: str
    sha256: str
    bytes: int
    at: str = Field(description="instant of removal")
    rule: str = Field(description="its rule in the table of retention")


class Run(BaseModel):
    """One run of a cycle."""

    id: str
    world: str
    simulated: bool
    cycle: str = Field(description="forecast reference time")
    as_of: str = Field(description="nothing was used that was received later")
    status: str = Field(description="running, finished or failed")
    is_current: bool = Field(description="the run of its cycle that counts")
    model_id: str | None
    degraded: str
    error: str
    code_version: str
    begun_at: str
    ended_at: str | None
    products: list[str] = Field(description="names of what the run stored")


class WholeRun(Run):
    """One run, with what of it is no longer there."""

    removed: list[RemovedFile] = Field(description="files that retention has removed since")


class Runs(BaseModel):
    """A page of runs, newest first."""

    runs: list[Run]
    next: str | None = Field(description="give it as `before` for the next page; null: there is none")


class Hour(BaseModel):
    """The forecast of one hour."""

    valid_end: str = Field(description="end of the hour of which it is the mean")
    lead_hours: int
    quantiles_ug_m3: dict[str, float | None] = Field(description="by quantile level, [ug m-3]")
    probability_above_ug_m3: dict[str, float | None] = Field(
        description="by threshold [ug m-3], the probability [1] that the mean exceeds it"
    )


class Day(BaseModel):
    """The forecast of one local day."""

    lead_day: int = Field(description="local date less the city's local date at issue [d]")
    date: str = Field(description="local date of the city")
    observed_share_1: float | None = Field(description="share of the day that was measured already [1]")
    quantiles_ug_m3: dict[str, float | None] = Field(description="by quantile level, [ug m-3]")
    probability_above_ug_m3: dict[str, float | None] = Field(
        description="by threshold [ug m-3], the probability [1] that the day's mean exceeds it"
    )


class CityForecast(BaseModel):
    """One city's forecast."""

    city: str
    party: str
    latitude_degree_north: float
    longitude_degree_east: float
    hours: list[Hour]
    days: list[Day]


class Forecast(BaseModel):
    """The forecast of a run: PM2.5 as quantiles and probabilities of exceedance."""

    run: str
    world: str
    simulated: bool
    quantity: str
    issue_time: str
    as_of: str
    model_id: str
    degraded: str
    inputs_missing: list[str]
    cities: list[CityForecast]


class Observation(BaseModel):
    """One measured value with the mark that it keeps wherever it goes."""

    station: str
    quantity: str
    value: float
    unit: str
    time: str = Field(description="end of the averaging interval")
    averaging_hours: float
    qc_flag: int
    received_at: str
    licence: str
    attribution: str
    redistribution: str = Field(description="parties: for agencies of the parties; public: for anybody")
    embargo_hours: float = Field(description="after `time` before which it may not be shown [h]; it is over")


class Observations(BaseModel):
    """Values that sharing rules let be told, oldest first; what no rule names is not here."""

    world: str
    simulated: bool
    start: str
    end: str
    rules: list[str] = Field(description="names of the rules by which values are here")
    observations: list[Observation]
    next: str | None = Field(description="give it as `after` for the next page; null: there is none")


class Version(BaseModel):
    """One version of a warning."""

    warning_id: str
    version: int
    state: str
    world: str
    simulated: bool
    cap_status: str
    product: str
    kind: str
    level: str
    content_digest: str
    review_deadline: str
    expires: str


class Versions(BaseModel):
    """A page of versions of warnings, newest first."""

    warnings: list[Version]
    next: str | None = Field(description="give it as `before` for the next page; null: there is none")


class Event(BaseModel):
    """A change of state."""

    state: str
    actor: str
    at: str


class Signature(BaseModel):
    """A party's decision on a version."""

    party: str
    person: str
    decision: str
    reason: str
    drill: bool
    content_digest: str
    at: str


class Delivery(BaseModel):
    """A message of a version."""

    recipient: str
    state: str
    attempts: int
    sent_at: str | None


class WholeVersion(Version):
    """One version with what it says and what became of it."""

    content: dict[str, Any] = Field(description="what the version says; docs/warnings.md names its fields")
    unsigned: list[str] = Field(description="parties that have not decided")
    events: list[Event]
    signatures: list[Signature]
    deliveries: list[Delivery] = Field(description="empty for who may not see deliveries")


class Warning(BaseModel):
    """A warning with its versions, newest first."""

    warning_id: str
    world: str
    simulated: bool
    versions: list[WholeVersion]


class Acknowledgement(BaseModel):
    """That a version has arrived at a recipient, entered once."""

    warning_id: str
    version: int
    recipient: str = Field(description="id of the recipient for whom the account speaks")
    way: str = Field(description="link, reply or person")
    by: str = Field(description="name of the account that entered it; empty: the recipient by link or reply")
    at: str


class Episode(BaseModel):
    """A stretch of high PM2.5 in one city, as its newest revision has it."""

    id: str
    world: str
    simulated: bool
    party: str
    city: str
    quantity: str
    state: str = Field(description="open, ended or withdrawn")
    revision: int
    run_id: str
    onset: str
    until: str
    at: str = Field(description="when the revision was written")


class Episodes(BaseModel):
    """A page of episodes, the newest onset first."""

    episodes: list[Episode]
    next: str | None = Field(description="give it as `before` for the next page; null: there is none")


class OriginsOfRun(BaseModel):
    """The origin panel of a run; docs/origin.md names its fields."""

    model_config = {"extra": "allow"}

    run: str
    simulated: bool


class DustOfRun(BaseModel):
    """The dust outlook of a run; docs/dust.md names its fields."""

    model_config = {"extra": "allow"}

    run: str
    simulated: bool


class Verification(BaseModel):
    """A table of scores of PM day means; docs/verification.md names its columns and their units."""

    world: str
    source: str
    quantity: str
    table: str
    last_issue: str = Field(description="day of the newest issue that counts")
    made_at: str
    columns: list[str]
    rows: list[list[str | int | float | None]] = Field(description="by `columns`; null: not defined")
