"""PagerDuty's SDK sends events and icalendar reads a feed; prints what they saw as JSON."""

import argparse
import json
import urllib.request

import icalendar
import pagerduty


def client_of(url, key):
    client = pagerduty.EventsApiV2Client(key)
    # Its setter insists on https, which is for whoever stands in front of the node.
    client._url = url
    return client


def events(url, key):
    client = client_of(url, key)
    dedup_key = client.trigger("disk is full", "srv-1", severity="error", dedup_key="srv-1/disk",
                               custom_details={"service": "db", "free": "1 %"})
    client.acknowledge(dedup_key)
    client.resolve(dedup_key)
    return dedup_key


def wrong_key(url):
    client = client_of(url, "0123456789abcdef0123456789abcdef")
    try:
        client.trigger("nobody may send this", "srv-1")
    except pagerduty.HttpError as error:
        return error.response.status_code
    return 202


def calendar(address):
    with urllib.request.urlopen(address) as answer:
        assert answer.headers["content-type"].startswith("text/calendar"), answer.headers
        parsed = icalendar.Calendar.from_ical(answer.read())
    found = list(parsed.walk("VEVENT"))
    problems = []
    for event in found:
        problems += [str(error) for error in event.errors]
        if not event["DTSTART"].dt < event["DTEND"].dt:
            problems.append(f"{event['UID']} ends before it begins")
    if len({str(event["UID"]) for event in found}) != len(found):
        problems.append("an event is there twice")
    people = sorted({str(event["SUMMARY"]) for event in found})
    return {"events": len(found), "people": people, "problems": problems}


def main():
    parser = argparse.ArgumentParser()
    for name in ["url", "key", "calendar"]:
        parser.add_argument(f"--{name}", required=True)
    given = parser.parse_args()
    print(json.dumps({
        "dedup_key": events(given.url, given.key),
        "wrong_key": wrong_key(given.url),
        "calendar": calendar(given.calendar),
    }))


main()
