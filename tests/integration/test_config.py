# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""The configuration as the cloud, its owners and everyone else see it (protocol 7.2 to 7.6): the service `config`, and the service
`probe` as the owner of a section, which can refuse, hang and die."""
import json
import threading

import pytest

from device_kit import BUILD, SLOWER, Caller, Cloud, Device, Probe, is_final, states, wait_for
from provision_kit import SOURCE

SECRET = "hunter2-and-more"
OWNER_TIMEOUT_S = 2


class Config(Probe):
    """The service `config` of @device; @settings as in its section of devbus.conf."""

    def __init__(self, device, **settings):
        settings.setdefault("owner_timeout_s", OWNER_TIMEOUT_S)
        super().__init__(device, "config", **{f"DEVBUS_CONFIG_{key.upper()}": str(value) for key, value in settings.items()})
        self.command = [BUILD / "services" / "config" / "devbus-config"]

    def __exit__(self, failure, *more):
        status = self.stop() if self.alive() and not failure else 0
        super().__exit__(failure, *more)
        assert status == 0, self.log()  # also: a sanitizer found a leak

    def section(self, name="probe"):
        return json.loads((self.state_dir() / "sections" / f"{name}.json").read_text())


class NearCloud(Cloud):
    """The cloud without the bridge: the local broker carries the same topics."""

    def __init__(self, device):
        Caller.__init__(self, device.port, "tester", device.password("tester"))
        self.prefix, self.ids = "cloud", 0
        self.listen("cloud/event/#")
        self.listen("service/#")

    def order(self, command, **args):
        self.ids += 1
        identity = f"{command}-{self.ids}"
        self.command("config", command, {"id": identity, "args": args})
        return identity

    def final(self, identity, timeout_s=20):
        events = self.wait_for_final("config", identity.split("-")[0], identity, timeout_s)
        finals = [event for event in events if is_final(event)]
        assert len({event["seq"] for event in finals}) == 1, events
        return finals[0]

    def set(self, values, section="probe", **more):
        return self.final(self.order("set", section=section, values=values, **more))


@pytest.fixture
def device(tmp_path):
    with Device(tmp_path, "--services-dir", SOURCE / "services", settings=["keepalive_s=5"]) as device:
        yield device


@pytest.fixture
def cloud(device):
    with NearCloud(device) as cloud:
        yield cloud


@pytest.fixture
def config(device, cloud):
    with Config(device) as config:
        cloud.wait_for_status("online", "config")
        yield config


@pytest.fixture
def probe(device, cloud, config):
    with Probe(device) as probe:
        cloud.wait_for_status("online")
        wait_for("the section", lambda: cloud.got("service/config/state/probe"))
        yield probe


def start(service, cloud):
    """Again, and until it can be asked."""
    before = cloud.status(service.name).get("incarnation", 0)
    service.start()
    cloud.wait_for_status("online", service.name, above=before)


def get(device, section="probe"):
    with device.caller() as caller:
        return caller.call("config", "get", section=section)


def in_force(device):
    with device.caller() as caller:
        return caller.call("probe", "health")["configuration"]


# --- the owner's word -----------------------------------------------------------------------------------------------

def test_a_change_succeeds_when_its_owner_has_taken_it(device, cloud, config, probe):
    final = cloud.set({"level": 7})
    assert final["state"] == "succeeded", final
    assert (final["result"]["revision"], final["result"]["values"]) == (1, {"level": 7})
    assert in_force(device) == {"level": 7, "mode": "auto"}
    shown = get(device)
    assert (shown["revision"], shown["values"]) == (1, {"level": 7})
    assert shown["reported"] == {"revision": 1, "values": {"level": 7, "mode": "auto"}}
    with device.caller() as late:
        assert late.retained("service/config/state/probe") == {"section": "probe", "revision": 1, "values": {"level": 7}}
    with device.caller() as caller:
        assert caller.call("config", "set", section="probe", values={"mode": "x"})["revision"] == 2
        changes = caller.call("config", "history", section="probe")["changes"]
    assert [(change["revision"], change["by"], change["patch"]) for change in changes] == [
        (2, "cli", {"mode": "x"}), (1, "cloud", {"level": 7})]
    assert changes[1]["command"] == "set-1" and changes[1]["time"].endswith("Z")


def test_values_that_are_no_object_are_not_even_accepted(device, cloud, config, probe):
    final = cloud.set([1])
    assert final["state"] == "rejected" and final["error"]["code"] == "invalid-args", final


def test_a_rollback_needs_no_section(device, cloud, config, probe):
    """Protocol 7: rollback {section?, revision?}."""
    final = cloud.final(cloud.order("rollback"))
    assert final["state"] == "failed" and final["error"]["code"] == "not-found", final
    for level in (5, 6, 7):
        assert cloud.set({"level": level})["state"] == "succeeded"
    assert cloud.final(cloud.order("rollback"))["result"]["values"] == {"level": 6}
    assert cloud.final(cloud.order("rollback", revision=1))["result"]["values"] == {"level": 5}
    assert in_force(device)["level"] == 5


def refuse(_probe):
    return {"level": 8, "mode": "refuse"}, "refused", "mode refuse is not for this probe"


def hang(probe):
    probe.freeze()
    return {"level": 8}, "timeout", "probe did not say"


def die(probe):
    probe.kill()
    return {"level": 8}, "timeout", "probe did not say"


@pytest.mark.parametrize("happen", [refuse, hang, die], ids=["refuses", "hangs", "dies"])
def test_what_its_owner_does_not_take_is_undone(device, cloud, config, probe, happen):
    assert cloud.set({"level": 7})["state"] == "succeeded"
    values, code, reason = happen(probe)
    final = cloud.set(values)
    assert (final["state"], final["error"]["code"]) == ("failed", code)
    assert reason in final["error"]["message"]
    assert cloud.got("service/config/state/probe")[-1].json()["values"] == {"level": 7}
    assert (config.section()["revision"], config.section()["values"]) == (1, {"level": 7})
    assert "trial" not in config.section()
    if happen is die:
        start(probe, cloud)
    probe.thaw()
    wait_for("the values before", lambda: in_force(device) == {"level": 7, "mode": "auto"})
    assert get(device)["revision"] == 1
    with device.caller() as caller:
        change = caller.call("config", "history", section="probe")["changes"][0]
    assert change["revision"] == 2 and change["undone"]["code"] == code
    # the number is not used again
    assert cloud.set({"level": 6})["result"]["revision"] == 3


def test_a_death_of_config_in_the_middle_loses_nothing(device, cloud, config, probe):
    probe.freeze()
    identity = cloud.order("set", section="probe", values={"level": 7})
    wait_for("the trial", lambda: (config.state_dir() / "sections" / "probe.json").exists() and "trial" in config.section())
    config.kill()
    config.start()
    probe.thaw()
    assert cloud.final(identity)["state"] == "succeeded"
    assert in_force(device)["level"] == 7
    assert "trial" not in config.section() and config.section()["revision"] == 1


def test_the_owner_works_without_config(device, cloud, config, probe):
    assert cloud.set({"level": 7})["state"] == "succeeded"
    config.kill()
    probe.stop()
    cloud._paho.publish("service/config/state/probe", "", 1, retain=True)
    start(probe, cloud)
    assert in_force(device) == {"level": 7, "mode": "auto"}


# --- what is not even begun -----------------------------------------------------------------------------------------

DOES_NOT_FIT = [
    ("nobody", {"a": 1}, "not-found", "nobody"),
    ("probe", {"levle": 1}, "invalid-args", "levle"),
    ("probe", {"level": "high"}, "invalid-args", "level"),
    ("probe", {"level": 10}, "invalid-args", "level"),
    ("probe", {"level": -1}, "invalid-args", "level"),
    ("probe", {"level": 1.5}, "invalid-args", "level"),
    ("probe", {"mode": "much longer than this"}, "invalid-args", "mode"),
    ("probe", {"mode": {"a": 1}}, "invalid-args", "mode"),
    ("probe", {"key": 5}, "invalid-args", "key"),
]


def test_what_does_not_fit_is_refused_by_name(device, cloud, probe):
    for section, values, code, names in DOES_NOT_FIT:
        with device.caller() as caller:
            error = caller.ask("config", "set", {"section": section, "values": values})["error"]
        assert error["code"] == code and names in error["message"], (values, error)
    assert cloud.set({"level": 10})["state"] == "failed"
    assert get(device)["revision"] == 0


def test_of_changes_at_the_same_revision_one_wins(device, cloud, probe):
    contenders, rounds = 8, 5
    for number in range(rounds):
        revision, answers = get(device)["revision"], []

        def contend(level):
            with device.caller() as caller:
                answers.append(caller.ask("config", "set", {"section": "probe", "values": {"mode": f"{number}-{level}"},
                                                            "if_revision": revision}, timeout_s=20))
        threads = [threading.Thread(target=contend, args=(level,)) for level in range(contenders)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        won = [answer["result"] for answer in answers if "result" in answer]
        assert len(answers) == contenders and len(won) == 1, answers
        assert all(answer["error"]["code"] == "refused" for answer in answers if "error" in answer)
        assert in_force(device)["mode"] == won[0]["values"]["mode"]


def test_changes_of_one_section_wait_for_each_other(device, cloud, probe):
    orders = [cloud.order("set", section="probe", values={"mode": f"m{number}"}) for number in range(6)]
    assert [cloud.final(order)["result"]["revision"] for order in orders] == list(range(1, 7))
    assert in_force(device)["mode"] == "m5"


# --- dangerous sections ---------------------------------------------------------------------------------------------

@pytest.fixture
def careful(device, cloud):
    """`config` that keeps changes of section probe only if the cloud confirms them."""
    with Config(device, confirm_sections="network probe", confirm_timeout_s=2 * SLOWER) as config, Probe(device) as probe:
        cloud.wait_for_status("online", "config")
        cloud.wait_for_status("online")
        wait_for("the section", lambda: "values" in get(device))
        probe.config = config
        yield probe


def order_and_wait(cloud):
    identity = cloud.order("set", section="probe", values={"level": 7})
    wait_for("the question", lambda: "running" in states(cloud.events("config", "set", identity)))
    return identity


def test_a_dangerous_change_stays_when_the_cloud_confirms(device, cloud, careful):
    identity = order_and_wait(cloud)
    assert in_force(device)["level"] == 7
    assert get(device)["trial"] == {"waits_for": "cloud", "before": 0}
    with device.caller() as caller:
        assert caller.error("config", "confirm", {"section": "probe", "revision": 1}) == "refused"
    assert cloud.final(cloud.order("confirm", section="probe", revision=2))["error"]["code"] == "refused"
    assert cloud.set({"level": 1})["error"]["code"] == "busy"
    assert cloud.final(cloud.order("confirm", section="probe", revision=1))["state"] == "succeeded"
    assert cloud.final(identity)["state"] == "succeeded"
    assert "trial" not in get(device) and in_force(device)["level"] == 7


@pytest.mark.parametrize("restart", [False, True], ids=["", "config-restarted"])
def test_a_dangerous_change_goes_back_by_itself(device, cloud, careful, restart):
    identity = order_and_wait(cloud)
    if restart:
        careful.config.kill()
        careful.config.start()
    final = cloud.final(identity)
    assert (final["state"], final["error"]["code"]) == ("failed", "rolled-back")
    wait_for("the level before", lambda: in_force(device)["level"] == 5)
    assert get(device)["revision"] == 0
    assert cloud.final(cloud.order("confirm", section="probe", revision=1))["error"]["code"] == "refused"


def test_a_dangerous_change_does_not_survive_a_reboot(device, cloud, careful):
    identity = order_and_wait(cloud)
    config = careful.config
    config.kill()
    section = config.section()
    section["trial"]["boot_id"] = "another"
    (config.state_dir() / "sections" / "probe.json").write_text(json.dumps(section))
    config.start()
    assert cloud.final(identity)["error"]["code"] == "rolled-back"
    wait_for("the level before", lambda: in_force(device)["level"] == 5)


# --- secrets --------------------------------------------------------------------------------------------------------

def knows(device, text):
    with device.caller() as caller:
        return "result" in caller.ask("probe", "knows", {"text": text})


def files_with(folder, text):
    return [path for path in folder.rglob("*") if path.is_file() and text.encode() in path.read_bytes()]


def test_a_secret_reaches_its_owner_and_nobody_else(device, cloud, config, probe):
    with device.caller("monitor") as monitor:
        monitor.listen("#")
        final = cloud.set({"level": 7, "key": SECRET})
        assert final["result"]["values"] == {"level": 7, "key": "***"}
        assert knows(device, SECRET)
        with device.caller() as caller:
            answers = [caller.call("config", "get"), caller.call("config", "history"),
                       caller.ask("config", "set", {"section": "probe", "values": {"key": SECRET * 9}}),
                       caller.ask("config", "secrets", {})]
            assert "error" in answers[-1] and "invalid-args" == answers[-2]["error"]["code"]
            stolen = caller.send_call("config", "secrets", {}, reply="service/probe/reply/secrets")
            assert caller.call("config", "get", section="probe")["values"]["key"] == "***"
            assert not caller.reply(stolen)
        assert SECRET not in json.dumps(answers)
        mine = [message for message in monitor.got() if SECRET.encode() in message.payload]
    assert {message.topic for message in mine} <= {"cloud/command/config/set", "service/config/call/set", "service/probe/call/knows"}
    assert all((path.stat().st_mode & 0o077) == 0 for path in files_with(device.output / "state", SECRET))
    assert files_with(config.state_dir(), SECRET) and SECRET not in config.log() + probe.log()


def test_a_secret_stays_when_what_was_shown_is_sent_back(device, cloud, config, probe):
    shown = cloud.set({"key": SECRET})["result"]["values"]
    assert cloud.set({**shown, "level": 3})["state"] == "succeeded"
    assert knows(device, SECRET)
    probe.stop()
    start(probe, cloud)
    assert knows(device, SECRET)
    assert cloud.set({"key": None})["result"]["values"] == {"level": 3}
    assert knows(device, "")


# --- vendor and factory ---------------------------------------------------------------------------------------------

def test_the_vendor_the_device_and_the_factory(device, cloud, tmp_path):
    vendor = tmp_path / "vendor"
    vendor.mkdir()
    (vendor / "probe.json").write_text('{"level":2,"mode":"vendor"}')
    with Config(device, vendor_dir=vendor) as config, Probe(device):
        cloud.wait_for_status("online", "config")
        cloud.wait_for_status("online")
        wait_for("the vendor's values", lambda: in_force(device) == {"level": 2, "mode": "vendor"})
        assert cloud.set({"level": 7})["state"] == "succeeded"
        assert in_force(device) == {"level": 7, "mode": "vendor"}
        # another image: what was set stays set
        config.stop()
        (vendor / "probe.json").write_text('{"level":3,"mode":"newer"}')
        start(config, cloud)
        wait_for("the new vendor's mode", lambda: in_force(device) == {"level": 7, "mode": "newer"})
        assert get(device)["revision"] == 2
        # another one, and it is no good
        config.stop()
        (vendor / "probe.json").write_text('{"level":99}')
        config.start()
        cloud.wait_for_status("degraded", "config")
        assert "probe.json.damaged" in cloud.status("config")["reason"] and "level" in cloud.status("config")["reason"]
        assert in_force(device) == {"level": 7, "mode": "newer"}
        final = cloud.final(cloud.order("reset"))
        assert final["state"] == "succeeded", final
        assert final["result"]["sections"]["probe"]["values"] == {"level": 3, "mode": "newer"}
        assert in_force(device) == {"level": 3, "mode": "newer"}


def test_a_device_file_that_was_changed_to_what_does_not_fit(device, cloud, config, probe):
    for level in (1, 2):
        assert cloud.set({"level": level})["state"] == "succeeded"
    config.stop()
    path = config.state_dir() / "sections" / "probe.json"
    path.write_text('{"revision":2,"values":{"level":99}}')
    config.start()
    reason = cloud.wait_for_status("degraded", "config")["reason"]
    assert "probe.json.damaged" in reason and "level is 99" in reason and "revision 2 is used" in reason
    assert get(device)["values"] == {"level": 2}
    assert path.with_name("probe.json.damaged").exists()


# --- the example ----------------------------------------------------------------------------------------------------

def test_the_example_takes_typed_configuration(tmp_path):
    program, speed = BUILD / "doc" / "examples" / "fand-config", tmp_path / "pwm1"
    manifests = tmp_path / "manifests"
    manifests.mkdir()
    (manifests / "fand.acl").write_text("")
    with Device(tmp_path, "--services-dir", SOURCE / "services", "--services-dir", manifests) as device, NearCloud(device) as cloud:
        fand = Probe(device, "fand", DEVBUS_FAND_PATH=str(speed))
        fand.command = [program]
        with Config(device), fand:
            cloud.wait_for_status("online", "config")
            cloud.wait_for_status("online", "fand")
            wait_for("the section", lambda: cloud.got("service/config/state/fand"))
            final = cloud.set({"limit": 50}, "fand")
            assert final["state"] == "succeeded" and final["result"]["reported"]["values"] == {"limit": 50}, final
            assert cloud.got("service/fand/state/limit")[-1].json() == {"limit": 50}
            assert cloud.set({"limit": 5}, "fand")["error"]["code"] == "invalid-args"
            with device.caller() as caller:
                caller.call("fand", "set", percent=100)
            assert speed.read_text() == "127\n"
