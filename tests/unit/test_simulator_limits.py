import collections

from tests.fakes.caller import Caller, payload

MINUTE = "You've exceeded the per-minute rate limit. Please wait for sometime before retrying."
HOUR = "You've exceeded the hourly rate limit. Please wait for sometime before retrying."


def test_limits__minute() -> None:
    """The 61st status call about an id within a minute is refused; one fits again once the first is a minute old."""
    caller = Caller()

    within = [caller.import_status("ds-demo-1").status for _ in range(60)]
    over = caller.import_status("ds-demo-1")
    caller.time += 60
    later = caller.import_status("ds-demo-1")

    assert set(within) == {200}
    assert over.status == 429
    assert payload(over) == {"errors": [{"msg": MINUTE, "code": 429}]}
    assert "retry-after" not in dict(over.headers)
    assert later.status == 200


def test_limits__window_rolls() -> None:
    """The window counts the last 60 seconds, not the calendar's minute."""
    caller = Caller()
    for _ in range(30):
        caller.import_status("ds-demo-1")
    caller.time += 40
    for _ in range(30):
        caller.import_status("ds-demo-1")

    caller.time += 19.9
    over = caller.import_status("ds-demo-1").status
    caller.time += 0.1
    fitting = [caller.import_status("ds-demo-1").status for _ in range(31)]

    assert over == 429
    assert fitting == [200] * 30 + [429]


def test_limits__hour() -> None:
    """After 1,800 calls within an hour every call is refused with the hourly text, though the minute is free."""
    caller = Caller(evergreen=True)
    for _ in range(30):
        for _ in range(60):
            caller.import_status("ds-demo-1")
        caller.time += 60

    over = caller.import_status("ds-demo-1")
    caller.time += 1800
    later = caller.import_status("ds-demo-1")

    assert collections.Counter(entry.status for entry in caller.simulator.log[:-2]) == {200: 1800}
    assert payload(over) == {"errors": [{"msg": HOUR, "code": 429}]}
    assert later.status == 200


def test_limits__each_id_has_its_own() -> None:
    """Calls about one import do not count for another."""
    caller = Caller()
    for _ in range(61):
        caller.import_status("ds-demo-1")

    other = caller.import_status("ds-demo-2")

    assert other.status == 200


def test_limits__one_for_the_bot() -> None:
    """Uploads, imports, runs and deletions share one limit."""
    caller = Caller()
    for _ in range(20):
        caller.upload({"testSteps": []})
        caller.start_run()
        caller.call("DELETE", caller.bot, {"testSuiteNames": ["nothing"]})

    over = caller.start_run()

    assert over.status == 429
    assert caller.import_status("ds-demo-1").status == 200


def test_limits__refused_calls_do_not_count() -> None:
    """Hammering on a closed door does not keep it closed."""
    caller = Caller()
    for _ in range(200):
        caller.import_status("ds-demo-1")
        caller.time += 0.25

    caller.time += 10
    later = caller.import_status("ds-demo-1")

    assert later.status == 200
