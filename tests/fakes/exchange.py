"""Writes exchange files as the other side would, from one document in the words of the JSON form."""

import csv
import io
import json


def as_json(document):
    return json.dumps(document, ensure_ascii=False, indent=1).encode()


def as_csv(document):
    """Write a document as CSV; None is an empty cell."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    head, rows = {k: v for k, v in document.items() if k != "rows"}, document["rows"]
    writer.writerows([f"#{name}", value] for name, value in head.items())
    names = list(dict.fromkeys(name for row in rows for name in row))
    writer.writerow(names)
    writer.writerows(["" if row.get(name) is None else row[name] for name in names] for row in rows)
    writer.writerow(["#end", len(rows)])
    return out.getvalue().encode()
