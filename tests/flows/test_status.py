"""What a workspace says that it holds: times with their zone, and the heights of profiles."""

import numpy as np
import pandas as pd

from flows.status import status_of
from flows.workspace import open_workspace
from pipeline.schema import STATION_COLUMNS
from pipeline.settings import Settings
from pipeline.times import parse_instant


def test_profiles_are_shown_by_place_with_their_heights(tmp_path):
    ws = open_workspace(Settings(data_dir=tmp_path / "var"), clock=lambda: parse_instant("2025-02-10T03:00Z"))
    names = ["lidar:seoul@100m", "lidar:seoul@1500m", "lidar:seoul", "airkorea:a@b"]
    table = [[name, name, 37.5, 127.0, 10.0, "", 1, ""] for name in names]
    ws.store.append_stations(
        pd.DataFrame(table, columns=list(STATION_COLUMNS)), source="files-lidar", world="measured"
    )
    rows = pd.DataFrame(
        {
            "station": names[:1],
            "quantity": ["attenuated_backscatter"],
            "time": np.array(["2025-02-10T02:00"], "M8[ns]"),
            "value": [1.5],
            "qc": np.zeros(1, np.int8),
        }
    )
    ws.store.append(rows, source="files-lidar", world="measured")
    found = status_of(ws)
    [shown] = found["observations"]
    assert (shown["rows"], shown["first"]) == ("1", "2025-02-10T02:00:00Z")
    assert found["profiles"] == [
        {"world": "measured", "place": "lidar:seoul", "levels": 2, "heights [m]": "100 to 1500"}
    ]
