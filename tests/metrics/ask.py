"""The Python client of Prometheus' API asks a node: ask.py URL KEY METRIC. Prints what it was told, as JSON."""

import json
import sys
from datetime import datetime, timedelta, timezone

from prometheus_api_client import PrometheusConnect

url, key, metric = sys.argv[1:]
client = PrometheusConnect(url=url, headers={"Authorization": f"Bearer {key}"})
end = datetime.now(timezone.utc)
start = end - timedelta(minutes=5)

print(
    json.dumps(
        {
            "reachable": client.check_prometheus_connection(),
            "value": client.get_current_metric_value(metric)[0]["value"][1],
            "instant": client.custom_query(f"sum({metric})")[0]["value"][1],
            "points": len(client.custom_query_range(metric, start, end, "5s")[0]["values"]),
            "stored": len(client.get_metric_range_data(metric, start_time=start, end_time=end)[0]["values"]),
            "labels": client.get_label_names(),
            "jobs": client.get_label_values("job"),
            "series": len(client.get_series(start, end, params={"match[]": metric})),
            "metrics": metric in client.all_metrics(),
        }
    )
)
