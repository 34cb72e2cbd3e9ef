"""Walks the simulator with botocore's own parsers and paginators, retries off. Usage: check_simulator.py ENDPOINT"""

import datetime
import json
import sys
import urllib.error
import urllib.request

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, HTTPClientError
from botocore.parsers import ResponseParserError

ENDPOINT = sys.argv[1]
NOW = datetime.datetime.now(datetime.timezone.utc)


def client(account="123456789012", region="eu-west-1"):
    return boto3.client(
        "lightsail",
        endpoint_url=ENDPOINT,
        region_name=region,
        aws_access_key_id="AKIASIM" + account,
        aws_secret_access_key="any",
        config=Config(retries={"total_max_attempts": 1, "mode": "standard"}),
    )


def control(path, body=None):
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(ENDPOINT + path, data=data)) as answer:
        return answer.read().decode()


def fails(code, call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, error.response
        assert error.response["ResponseMetadata"]["RequestId"], error.response
        return error.response
    raise AssertionError(f"no {code}")


def equal(left, right):
    assert left == right, f"{left!r} is not {right!r}"


def listed(lightsail, operation, key):
    pages = list(lightsail.get_paginator(operation).paginate())
    assert all(len(page[key]) <= 4 for page in pages)
    return [entry for page in pages for entry in page[key]]


lightsail = client()

# Snapshots, one by one and in pages.
instances = listed(lightsail, "get_instance_snapshots", "instanceSnapshots")
disks = listed(lightsail, "get_disk_snapshots", "diskSnapshots")
equal(sorted(s["name"] for s in instances + disks), [f"snap-{n:05}" for n in range(1, 26)])
equal(len(disks), 5)
assert {s["state"] for s in instances} == {"available"} and {s["state"] for s in disks} == {"completed"}
assert {s["isFromAutoSnapshot"] for s in instances} == {True, False}
one = lightsail.get_instance_snapshot(instanceSnapshotName="snap-00007")["instanceSnapshot"]
equal(len(one["fromAttachedDisks"]), 1)
assert one["createdAt"] < NOW and one["location"]["regionName"] == "eu-west-1" and one["tags"]
equal(lightsail.get_disk_snapshot(diskSnapshotName="snap-00005")["diskSnapshot"]["resourceType"], "DiskSnapshot")
fails("NotFoundException", lightsail.get_disk_snapshot, diskSnapshotName="snap-00007")
fails("InvalidInputException", lightsail.get_disk_snapshots, pageToken="nonsense")

# Exports of both kinds, to their ends.
begun = {}
for name in ("snap-00001", "snap-00005", "snap-00007", "snap-00002", "snap-00003"):
    (operation,) = lightsail.export_snapshot(sourceSnapshotName=name)["operations"]
    begun[name] = operation["id"]
    equal((operation["operationType"], operation["resourceName"]), ("ExportSnapshot", name))
for name, identity in begun.items():
    operation = lightsail.get_operation(operationId=identity)["operation"]
    equal((operation["status"], operation["isTerminal"]), ("Succeeded", True))
    of_name = lightsail.get_operations_for_resource(resourceName=name)["operations"]
    equal([o["id"] for o in of_name], [identity])
equal({o["id"] for o in listed(lightsail, "get_operations", "operations")}, set(begun.values()))
records = {
    r["sourceInfo"]["name"]: r for r in listed(lightsail, "get_export_snapshot_records", "exportSnapshotRecords")
}
equal(set(records), set(begun))
assert all(r["state"] == "Succeeded" for r in records.values())
equal(records["snap-00001"]["destinationInfo"]["service"], "Aws::EC2::Image")
assert records["snap-00001"]["destinationInfo"]["id"].startswith("ami-")
equal(records["snap-00005"]["destinationInfo"]["service"], "Aws::EC2::Snapshot")
assert records["snap-00005"]["destinationInfo"]["id"].startswith("snap-")
equal(records["snap-00007"]["sourceInfo"]["arn"], one["arn"])
equal(len(records["snap-00007"]["sourceInfo"]["instanceSnapshotInfo"]["fromDiskInfo"]), 2)
fails("NotFoundException", lightsail.get_operation, operationId="none")

# Another account and another Region know nothing of it.
for other in (client(account="999999999999"), client(region="us-east-1")):
    equal(listed(other, "get_export_snapshot_records", "exportSnapshotRecords"), [])

# What goes wrong, set while it runs.
answers = ["ServiceException", "lost", "truncated", "garbled", "outage", "ok"]
control("/_faults", {"rules": [{"name": "snap-00004", "answers": answers}]})
export = {"sourceSnapshotName": "snap-00004"}
equal(fails("ServiceException", lightsail.export_snapshot, **export)["ResponseMetadata"]["HTTPStatusCode"], 500)
for kind in ("lost", "truncated"):
    try:
        lightsail.export_snapshot(**export)
    except HTTPClientError:
        continue
    raise AssertionError(f"{kind} was answered")
# Botocore takes half a JSON for a success of unknown content.
assert "operations" not in lightsail.export_snapshot(**export), "garbled was understood"
try:
    lightsail.export_snapshot(**export)
except (ResponseParserError, ClientError):
    pass
else:
    raise AssertionError("outage was answered")
lightsail.export_snapshot(**export)
control("/_limits", {"export": {"rate": 0.001, "burst": 1}})
lightsail.export_snapshot(sourceSnapshotName="snap-00006")
fails("ThrottlingException", lightsail.export_snapshot, sourceSnapshotName="snap-00008")
control("/_limits", {})

# By hand, and the lists of what happened.
control("/_export", {"region": "eu-west-1", "name": "snap-00009"})
control("/_snapshots", {"action": "add", "region": "eu-west-1", "name": "late-1", "kind": "disk"})
equal(lightsail.get_disk_snapshot(diskSnapshotName="late-1")["diskSnapshot"]["state"], "completed")
control("/_snapshots", {"action": "delete", "region": "eu-west-1", "name": "late-1"})
fails("NotFoundException", lightsail.get_disk_snapshot, diskSnapshotName="late-1")
try:
    control("/_snapshots", {"action": "delete", "region": "eu-west-1", "name": "late-1"})
    raise AssertionError("deleted twice")
except urllib.error.HTTPError as error:
    equal((error.code, "late-1" in error.read().decode()), (400, True))
ledger = json.loads(control("/_ledger"))
snapshots = ledger["lanes"]["123456789012/eu-west-1"]["snapshots"]
equal((snapshots["snap-00004"]["exports"], snapshots["snap-00004"]["duplicates"]), (4, 3))
equal((snapshots["snap-00009"]["by_hand"], ledger["throttled"]), (1, 1))
equal((ledger["exports"], ledger["duplicates"]), (11, 3))
calls = [json.loads(line) for line in control("/_calls").splitlines()]
equal(len(calls), ledger["calls"])
equal([c["answer"] for c in calls if c["name"] == "snap-00004"],
      ["ServiceException", "closed", "truncated", "garbled", "html-503", "ok"])
