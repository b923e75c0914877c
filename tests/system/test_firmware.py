# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""A firmware update as the cloud sees it: on a device with two slots, hooks and a simulated boot. Whatever happens, no slot is ever mixed,
and each command has one final event, which comes after the boot that proves it."""
import json
import ssl
import subprocess

import pytest

from DevbusLibrary import wait_until
from firmware_kit import FirmwareDevice
from image_server import ImageServer

GOOD = ["accepted", "downloading", "verifying", "installing", "installed", "rebooting", "testing", "committing", "succeeded"]


@pytest.fixture(scope="module")
def device():
    device = FirmwareDevice()
    try:
        device.start()
        yield device
    finally:
        device.stop()


@pytest.fixture
def base(device):
    """The version that runs, of this test's own: each test installs what is newer than that of the one before."""
    device.count = getattr(device, "count", 0) + 1
    device.forget_messages()
    return f"{device.count}.0"


def newer(base, digit=1):
    return base.replace(".0", f".{digit}")


def running(device):
    return device.firmware_status()["version"]


def test_good_update(device, base):
    before = device.boot_id()
    args = device.make_image(base, 5_000_000)
    identity = device.update(args)
    final = device.ends(identity, "succeeded")
    assert device.steps(identity) == GOOD
    assert final["result"]["version"] == base and final["result"]["bytes"] == 5_000_000
    assert device.boot_id() != before
    status = device.firmware_status()
    assert status["state"] == "idle" and status["reboot_safe"] is True
    assert status["last"]["state"] == "succeeded" and status["last"]["id"] == identity
    slots = {slot["booted"]: slot for slot in status["slots"]}
    assert slots[True]["version"] == base and slots[True]["name"] == final["result"]["slot"]


def test_progress_is_told_but_not_too_often(device, base):
    identity = device.update(device.make_image(base, 20_000_000))
    device.ends(identity, "succeeded")
    percents = [m.event()["progress"] for m in device.cloud.find(
        lambda m: m.event().get("id") == identity and m.event().get("step") == "downloading" and "progress" in m.event())]
    assert percents == sorted(percents) and percents[-1] == 100
    assert all(later - earlier <= 12 for earlier, later in zip(percents, percents[1:]))
    assert len(percents) <= 24


def flip(position):
    return lambda image: image[:position] + bytes([image[position] ^ 1]) + image[position + 1:]


@pytest.mark.parametrize("change, hash_too, code", [
    (flip(-1), False, "checksum"),  # not what was ordered
    (lambda image: image[:-1000], False, "checksum"),
    (lambda image: image[:-1000], True, "checksum"),  # not what was signed
    (flip(-2), True, "checksum"),
    (flip(40), True, "signature"),  # in the signature
    (flip(200), True, "signature"),  # in the manifest
    (lambda image: image[300:], True, "signature"),  # unsigned
    (lambda image: image[:180], True, "signature"),
    (lambda image: b"", True, "signature"),
], ids=["hash", "truncated", "signed-truncated", "content", "signature", "manifest", "unsigned", "head-only", "empty"])
def test_spoilt_image_is_not_installed(device, base, change, hash_too, code):
    before, boot = running(device), device.boot_id()
    args = device.spoil(device.make_image(base, 50_000), change, hash_too)
    identity = device.update(args)
    device.ends(identity, "failed", code)
    assert running(device) == before and device.boot_id() == boot
    assert "installing" not in device.steps(identity)


def test_image_signed_by_somebody_else(device, base):
    key = device.folder / "other.pem"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", key], check=True)
    device.ends(device.update(device.make_image(base, key=key)), "failed", "signature")


def test_second_key_can_be_trusted(device, base):
    key, public = device.folder / "next.pem", device.parts / "keys" / "next.pem"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", key], check=True)
    subprocess.run(["openssl", "pkey", "-in", key, "-pubout", "-out", public], check=True)
    device.ends(device.update(device.make_image(base, key=key)), "succeeded")
    public.unlink()


def test_image_for_another_device(device, base):
    device.ends(device.update(device.make_image(base, compatible="toaster")), "failed", "incompatible")


def test_version_is_the_signed_one(device, base):
    args = device.make_image(newer(base, 1))
    device.ends(device.update(args, version=newer(base, 2)), "failed", "incompatible")


def test_downgrade_needs_force(device, base):
    device.ends(device.update(device.make_image(base)), "succeeded")
    args = device.make_image("0.5")
    device.ends(device.update(args), "rejected", "refused")
    device.ends(device.update(args, version=newer(base)), "failed", "incompatible")  # a new name for an old image
    device.ends(device.update(args, force=True), "succeeded")
    device.should_run("0.5")


def test_no_space(device, base):
    device.configure(reserve_bytes=2 ** 53)
    try:
        identity = device.update(device.make_image(base))
        device.ends(identity, "failed", "no-space")
        assert device.server.sent < 300_000 or "verifying" not in device.steps(identity)
    finally:
        device.configure(reserve_bytes=1048576)


def test_file_that_is_not_there(device, base):
    args = device.make_image(base)
    device.ends(device.update(args, url=device.server.url("nothing")), "failed", "not-found")


def make_certificate(folder, name, issuer=None):
    """@name.pem and its key, for 127.0.0.1; without @issuer an authority."""
    issued = ["-CA", folder / f"{issuer}.pem", "-CAkey", folder / f"{issuer}.key"] if issuer else []
    kind = "subjectAltName=IP:127.0.0.1" if issuer else "basicConstraints=critical,CA:TRUE"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
                    f"/CN={name}", "-addext", kind, "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.pem", *issued],
                   check=True, capture_output=True)
    return folder / f"{name}.pem"


def test_https_proves_both_sides(device, base, tmp_path):
    authority = make_certificate(tmp_path, "authority")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(make_certificate(tmp_path, "server", "authority"), tmp_path / "server.key")
    context.load_verify_locations(authority)
    context.verify_mode = ssl.CERT_REQUIRED
    server = ImageServer(context)
    args = device.make_image(base)
    server.images[base] = device.server.images[base]
    args["url"] = server.url(base)
    own = {"client_certificate": make_certificate(tmp_path, "device", "authority"), "client_key": tmp_path / "device.key"}
    try:
        device.configure(patience_s=0, **own)
        device.ends(device.update(args), "failed", "io-error")  # an authority that is not known here
        device.configure(ca_file=authority, client_certificate="", client_key="")
        device.ends(device.update(args), "failed", "io-error")  # a device that is not known there
        device.configure(**own)
        device.ends(device.update(args), "succeeded")
    finally:
        device.configure(patience_s=86400, ca_file="", client_certificate="", client_key="")
        server.end()


@pytest.fixture
def stalled(device, base):
    args = device.make_image(base)
    device.server.stall_at = 100_000
    yield args
    device.server.stall_at = None


def test_one_at_a_time_and_cancel(device, base, stalled):
    before = running(device)
    identity = device.update(stalled)
    wait_until("half of it is there", lambda: device.firmware_status()["state"] == "downloading" and device.server.sent)
    assert device.firmware_status()["reboot_safe"] is False
    device.ends(device.update(stalled, version=newer(base)), "rejected", "busy")
    cancel = device.send_command("firmware", "cancel")
    device.command_should_end_within(10, "firmware", "cancel", cancel, "succeeded")
    device.ends(identity, "failed", "cancelled")
    assert running(device) == before and not list((device.bed / "state" / "firmware" / "download").iterdir())
    device.server.stall_at = None
    device.ends(device.update(stalled), "succeeded")


def test_cancel_comes_too_late(device, base):
    none = device.send_command("firmware", "cancel")
    device.command_should_end_within(10, "firmware", "cancel", none, "rejected", "not-found")
    device.hold("install")
    identity = device.update(device.make_image(base))
    device.reaches("installing")
    late = device.send_command("firmware", "cancel")
    device.command_should_end_within(10, "firmware", "cancel", late, "rejected", "refused")
    assert device.firmware_status()["reboot_safe"] is False
    device.let_go("install")
    device.ends(identity, "succeeded")


def test_link_is_cut_at_ten_points(device, base):
    args = device.make_image(base, 4_000_000)
    device.server.cuts = cuts = [args["size"] * n // 11 for n in range(1, 11)]
    device.server.requests, device.server.sent, wanted = [], 0, list(cuts)
    device.ends(device.update(args), "succeeded")
    assert not cuts and len(device.server.requests) == 11
    assert device.server.requests == [0, *wanted]  # each time from where it broke, to the byte
    assert device.server.sent == args["size"]


def test_hook_that_fails(device, base):
    before, hook = running(device), device.parts / "hooks" / "install"
    text = hook.read_text()
    hook.write_text("#!/bin/sh\nprintf 'no such partition, \\344\\n' >&2\nexit 7\n")  # in Latin-1
    try:
        final = device.ends(device.update(device.make_image(base)), "failed", "io-error")
        assert "no such partition" in final["error"]["message"]
    finally:
        hook.write_text(text)
    assert running(device) == before


def test_sick_version_is_rolled_back(device, base):
    device.ends(device.update(device.make_image(base)), "succeeded")
    before = device.boot_id()
    device.configure(health_timeout_s=1)
    device.be_sick()
    try:
        identity = device.update(device.make_image(newer(base)))
        final = device.ends(identity, "failed", "rolled-back")
    finally:
        device.be_sick(False)
        device.configure(health_timeout_s=30)
    assert "it is sick" in final["error"]["message"]
    assert device.steps(identity)[-4:] == ["rebooting", "testing", "rolling-back", "failed"]
    assert device.boot_id() != before
    device.should_run(base)
    device.ends(device.update(device.make_image(newer(base, 2))), "succeeded")  # and it can be updated again


def test_slot_with_another_version_is_not_kept(device, base):
    """An installer that says yes and writes nothing leaves an old version in the slot, which boots."""
    device.ends(device.update(device.make_image(base)), "succeeded")
    device.ends(device.update(device.make_image(newer(base))), "succeeded")
    hook = device.parts / "hooks" / "install"
    text = hook.read_text()
    hook.write_text("#!/bin/sh\nexit 0\n")
    try:
        final = device.ends(device.update(device.make_image(newer(base, 2))), "failed", "rolled-back")
    finally:
        hook.write_text(text)
    assert base in final["error"]["message"] and newer(base, 2) in final["error"]["message"]
    device.should_run(newer(base))


def test_boot_loader_falls_back(device, base):
    device.ends(device.update(device.make_image(base)), "succeeded")
    device.hold("activate")
    identity = device.update(device.make_image(newer(base)))
    device.reaches("installed")
    target = [slot["name"] for slot in device.firmware_status()["slots"] if not slot["booted"]][0]
    (device.bed / "slots" / f"slot-{target}.tries").write_text("0\n")
    device.let_go("activate")
    final = device.ends(identity, "failed", "rolled-back")
    assert "testing" not in device.steps(identity) and target in final["error"]["message"]
    device.should_run(base)


def kill_and_start(device):
    device.kill_service("firmware")
    device.start_service("firmware")


@pytest.mark.parametrize("state, held", [
    ("accepted", "booted-slot"), ("installing", "install"), ("installed", "activate"), ("testing", "health"), ("committing", "mark-good")])
def test_killed_while_it_is_held(device, base, state, held):
    """The hook outlives the service, and ends while its successor is there already."""
    device.hold(held)
    identity = device.update(device.make_image(base))
    device.reaches(state)
    kill_and_start(device)
    device.let_go(held)
    device.ends(identity, "succeeded")
    device.should_run(base)


def test_killed_while_downloading(device, base, stalled):
    device.server.requests = []
    identity = device.update(stalled)
    wait_until("a part is there", lambda: device.server.requests and device.server.sent)
    part = device.bed / "state" / "firmware" / "download" / "image"
    wait_until("a part is written", lambda: part.exists() and part.stat().st_size >= 90_000)
    kill_and_start(device)
    device.server.stall_at = None
    device.ends(identity, "succeeded")
    assert device.server.requests[0] == 0 and device.server.requests[-1] >= 90_000


def test_killed_while_verifying(device, base):
    args = device.make_image(base, content=b"\0" * 100_000_000)
    identity = device.update(args, url=f"file://{device.folder}/{base}.img")
    device.reaches("verifying")
    device.kill_at_once()
    assert device.recorded_state() == "verifying"  # else the image is too small for this test
    device.start_service("firmware")
    device.ends(identity, "succeeded")


def test_killed_while_rebooting(device, base):
    device.hold("reboot")
    identity = device.update(device.make_image(base))
    device.reaches("rebooting")
    kill_and_start(device)
    assert device.recorded_state() == "rebooting"  # nothing was proved by a new process
    device.let_go("reboot")
    device.ends(identity, "succeeded")


def test_killed_while_rolling_back(device, base):
    before = running(device)
    device.configure(health_timeout_s=1)
    device.be_sick()
    device.hold("mark-bad")
    try:
        identity = device.update(device.make_image(base))
        device.reaches("rolling-back")
        kill_and_start(device)
        device.let_go("mark-bad")
        device.ends(identity, "failed", "rolled-back")
    finally:
        device.be_sick(False)
        device.configure(health_timeout_s=30)
    device.should_run(before)


def test_loop_is_broken(device, base):
    """The record says that it went through nearly as many states as it may."""
    before = running(device)
    device.hold("install")
    identity = device.update(device.make_image(base))
    device.reaches("installing")
    device.kill_service("firmware")
    device.change_record(writes=27)
    device.start_service("firmware")
    device.let_go("install")
    device.ends(identity, "failed", "state-loop")
    assert running(device) == before


def test_version_that_reboots_by_itself_is_rolled_back(device, base):
    before = running(device)
    device.hold("health")
    identity = device.update(device.make_image(base))
    device.reaches("testing")
    device.kill_service("firmware")
    device.change_record(boots=3, boot_id="another")
    device.start_service("firmware", wait="no")
    device.let_go("health")
    device.ends(identity, "failed", "rolled-back")
    device.should_run(before)


def test_state_that_cannot_be_written_is_not_acted_on(device, base):
    device.hold("install")
    identity = device.update(device.make_image(base))
    device.reaches("installing")
    in_the_way = device.bed / "state" / "firmware" / ".state.json.new"
    in_the_way.mkdir()
    device.let_go("install")
    wait_until("it is degraded", lambda: device.status_of("firmware")["firmware"]["state"] == "degraded")
    assert device.recorded_state() == "installing"
    in_the_way.rmdir()
    device.ends(identity, "succeeded")
    wait_until("it is well again", lambda: device.status_of("firmware")["firmware"]["state"] == "online")


def test_local_call_is_answered_before_the_reboot(device, base):
    args = device.make_image(base)
    before = device.boot_id()
    done = device._devbusctl("call", "firmware", "update", json.dumps(args))
    assert done.returncode == 0 and json.loads(done.stdout)["state"] == "installed", done
    wait_until("it is over", lambda: device.recorded_state() == "succeeded", 20)
    assert device.boot_id() != before
    device.slots_should_be_whole()
    device.should_run(base)


def test_damaged_record_is_passed_over(device, base):
    device.kill_service("firmware")
    (device.bed / "state" / "firmware" / "state.json").write_text("{")
    device.start_service("firmware")
    device.ends(device.update(device.make_image(base)), "succeeded")


def test_same_command_again_is_answered_and_not_run(device, base):
    args = device.make_image(base)
    identity = device.update(args)
    device.ends(identity, "succeeded")
    boot = device.boot_id()
    kill_and_start(device)
    device.send_command("firmware", "update", args, identity=identity)
    device.bridge_should_work_within(10)
    device.command_should_have_one_final_state(identity)
    assert device.boot_id() == boot
