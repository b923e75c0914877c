# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""How devbus-provision replaces files that work by others: proven first, with a way back, and with no more disturbance than
the change needs. The program that asks the cloud is a stand-in here; so is systemctl."""
import configparser
import getpass
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from bad_cloud_kit import DEVICE, BadCloud, Certificates
from device_kit import _DIE_WITH_PARENT, BUILD
from provision_kit import PROGRAM, Device, fake_program, make_certificate, run_provision, wait_until

ME = getpass.getuser()


class Place:
    """A folder with a first set of files, provisioned again and again with further options."""

    def __init__(self, folder):
        self.folder, self.etc = folder, folder / "etc"
        self.env = fake_program(folder / "bin", "devbus-cloud-test",
                                f"echo $* >{folder}/asked; for conf; do :; done; cp $conf {folder}/tested\n"
                                f"cat {folder}/answer; [ ! -s {folder}/answer ]\n")
        self.env = fake_program(folder / "bin", "systemctl", f"echo $* >>{folder}/systemctl\n")
        self.answer("")

    def answer(self, text):
        (self.folder / "answer").write_text(text)

    def run(self, *options):
        return run_provision("--output", self.etc, "--user-of-broker", ME, *options, env=self.env)

    def done(self, *options):
        done = self.run(*options)
        assert done.returncode == 0, done.stderr
        return done

    def device_id(self):
        return next(line.split()[2] for line in (self.etc / "devbus.conf").read_text().splitlines() if line.startswith("device_id"))

    def tree(self):
        return {path.relative_to(self.etc): path.read_bytes() for path in self.etc.rglob("*") if path.is_file()}


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


# --- proofs ---------------------------------------------------------------------------------------------------------

def test_cloud_is_asked_with_the_new_files_before_they_are_in_place(place):
    place.done("--device-id", "old")
    place.answer("The cloud refused the name or the password.")
    before = place.tree()
    done = place.run("--device-id", "new", "--test")
    assert done.returncode == 1 and done.stdout == "" and "refused the name" in done.stderr and "stay as they are" in done.stderr
    assert place.tree() == before
    assert "remote_clientid new\n" in (place.folder / "tested").read_text()
    place.answer("")
    place.done("--device-id", "new", "--test")
    assert place.device_id() == "new"


@pytest.mark.parametrize("kind, client_id", [("mosquitto", ""), ("aws", "--as-device ")])
def test_cloud_that_takes_one_client_id_is_asked_with_that(place, kind, client_id):
    place.done("--cloud-kind", kind, "--cloud", "far.example:8883", "--test", *make_certificate(place.folder, "x7"))
    assert re.fullmatch(f"{client_id}/.*/cloud.conf\n", (place.folder / "asked").read_text())


@pytest.mark.parametrize("name, taken", [(DEVICE, True), ("stranger", False)])
def test_real_cloud_takes_a_certificate_or_the_old_one_stays(tmp_path, name, taken):
    """With devbus-cloud-test itself, on a broker that wants a certificate."""
    program = BUILD / "tools/cloud-test/devbus-cloud-test"
    if not program.exists():
        pytest.skip("devbus-cloud-test is not built here")
    certificates = Certificates(tmp_path / "tls")
    options = ["--output", tmp_path / "etc", "--user-of-broker", ME, "--cloud-cafile", certificates / "authority.pem"]
    pair = certificates / name
    with BadCloud(certificates) as cloud:
        done = run_provision(*options, "--test", "--device-id", "x7", "--cloud", f"127.0.0.1:{cloud.ports['mutual']}",
                             "--cloud-certfile", f"{pair}.pem", "--cloud-keyfile", f"{pair}.key",
                             env={**os.environ, "PATH": f"{program.parent}:{os.environ['PATH']}"})
    assert (done.returncode == 0) == taken, done.stderr
    assert (tmp_path / "etc/cloud.pem").exists() == taken and ("all files stay" in done.stderr) != taken


def test_without_the_program_that_asks_nothing_is_tested(tmp_path):
    env = {**os.environ, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    if shutil.which("devbus-cloud-test", path=env["PATH"]):
        pytest.skip("the program is installed here")
    done = run_provision("--output", tmp_path / "etc", "--user-of-broker", ME, "--test", env=env)
    assert done.returncode == 1 and "not installed" in done.stderr and not (tmp_path / "etc").exists()


def test_certificate_is_promoted_when_the_cloud_has_taken_it(place):
    first, second = make_certificate(place.folder, "first"), make_certificate(place.folder, "second")
    place.done("--test", *first)
    pem, conf = place.etc / "cloud.pem", place.etc / "cloud.conf"
    both = "".join((place.folder / name).read_text() for name in ("first.pem", "first.key"))
    assert pem.read_text() == both and pem.stat().st_mode & 0o777 == 0o600
    for key in ("bridge_certfile", "bridge_keyfile"):
        assert f"{key} cloud.pem\n" in conf.read_text()
    place.answer("The certificate is not known.")
    assert place.run("--test", *second).returncode == 1 and pem.read_text() == both
    place.answer("")
    assert "cloud.pem" in place.done("--test", *second).stdout.split() and "second" not in both
    assert pem.read_text() != both
    assert "cloud.pem" in place.done().stdout.split() and not pem.exists()


def test_renewed_certificate_of_the_same_name_is_taken_over(place):
    options = make_certificate(place.folder, "device")
    place.done(*options)
    assert place.done(*options).stdout == ""
    make_certificate(place.folder, "device")
    assert place.done("--apply", *options).stdout == "cloud.pem\n"
    assert (place.folder / "systemctl").read_text() == "--no-block try-restart devbus-bridge.service\n"


def test_key_of_another_certificate_is_refused(place):
    first, second = make_certificate(place.folder, "first"), make_certificate(place.folder, "second")
    done = place.run(*first[:4], *second[4:])
    assert done.returncode == 2 and "--cloud-keyfile" in done.stderr and "not the key of this" in done.stderr
    done = place.run(*first[:2], "--cloud-certfile", first[5], *first[4:])
    assert done.returncode == 2 and "no certificate" in done.stderr and not (place.etc / "mosquitto.conf").exists()


# --- the way back ---------------------------------------------------------------------------------------------------

def test_last_good_files_are_put_back_and_the_others_kept_out(place):
    place.done("--device-id", "good", "--check")
    good = {name: data for name, data in place.tree().items() if name.name != "proven"}
    place.done("--device-id", "bad")
    with (place.etc / "devbus.conf").open("a") as conf:
        conf.write("\n[sensor]\nroot = /x\n")
    done = place.done("--roll-back", "--apply")
    assert "mosquitto.d/bridge.conf" in done.stdout.split() and place.device_id() == "good"
    assert "devbus-broker.service" in (place.folder / "systemctl").read_text()
    text = (place.etc / "devbus.conf").read_text()
    assert text.endswith("\n[sensor]\nroot = /x\n")
    after = place.tree()
    assert all(after[name] == data for name, data in good.items() if name.name != "devbus.conf")
    again = place.run("--device-id", "bad")
    assert again.returncode == 1 and "were rolled back" in again.stderr and place.tree() == after
    assert place.run("--roll-back").returncode == 1
    place.done("--device-id", "better")
    assert not (place.etc / "rolled-back").exists() and place.device_id() == "better"


def test_service_that_came_with_the_bad_files_goes_with_them(place):
    (place.folder / "more").mkdir()
    (place.folder / "more/fan.acl").write_text("")
    (place.folder / "one").mkdir()
    (place.folder / "one/sensor.acl").write_text("")
    place.done("--check", "--services-dir", place.folder / "one")
    place.done("--services-dir", place.folder / "one", "--services-dir", place.folder / "more")
    assert (place.etc / "secrets/fan").exists()
    place.done("--roll-back")
    assert not (place.etc / "secrets/fan").exists() and "fan" not in (place.etc / "acl").read_text()


@pytest.mark.parametrize("proofs, back", [
    (["--check", "--check", None], 1), (["--test", "--check", None], 0), (["--check", "--test", None], 1),
    (["--check", None, None], 0), ([None, None], None),
])
def test_what_is_kept_has_the_best_proof(place, proofs, back):
    for number, proof in enumerate(proofs):
        place.done("--device-id", f"d{number}", *([proof] if proof else []))
    done = place.run("--roll-back")
    if back is None:
        assert done.returncode == 1 and "had proven" in done.stderr
    else:
        assert done.returncode == 0 and place.device_id() == f"d{back}"


def test_what_is_proven_and_in_place_is_not_tried_again(place):
    first, second = (place.done("--check") for _ in range(2))
    third = place.done("--check", "--keepalive", "31")
    assert ["starts with these files" in done.stderr for done in (first, second, third)] == [True, False, True]
    assert "started with these files before" in second.stderr and second.stdout == ""
    place.done("--keepalive", "32")
    assert "starts with these files" in place.done("--check", "--keepalive", "32").stderr


def fake_broker(place, text):
    real = shutil.which("mosquitto", path=os.environ["PATH"] + ":/usr/sbin")
    place.env = fake_program(place.folder / "bin", "mosquitto", f'[ $1 != -h ] || exec {real} -h\n{text}')


def test_broker_that_forgets_a_signal_is_told_again(place):
    """As Mosquitto does with one that comes before its main loop."""
    fake_broker(place, "trap 'told=${told-}x; [ $told != xx ] || exit' TERM\necho '1: mosquitto version 2.0.11 running'\n"
                       "while :; do sleep 0.05; done\n")
    assert "starts with these files" in place.done("--check").stderr


@pytest.fixture
def orphan(place):
    """Starts a program that is killed while it waits for its trial broker; a function, which returns the broker's process id."""
    file = place.folder / "broker"
    fake_broker(place, f"echo $$ >{file}; exec sleep 60\n")

    def start():
        with subprocess.Popen(["sh", PROGRAM, "--output", place.etc, "--user-of-broker", ME, "--check"], env=place.env) as program:
            wait_until(lambda: file.exists() and file.read_text().endswith("\n"))
            program.kill()
        return int(file.read_text())
    return start


@pytest.mark.skipif(not _DIE_WITH_PARENT, reason="no setpriv")
def test_trial_broker_is_killed_with_its_program(orphan):
    broker = orphan()
    wait_until(lambda: not is_alive(broker))


def is_alive(process_id):
    """Its parent is gone, so that nobody may have waited for it."""
    try:
        return Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_trial_broker_that_outlives_its_program_is_in_nobodys_way(place, orphan):
    fake_program(place.folder / "bin", "setpriv", "exit 1\n")
    broker = orphan()
    try:
        place.done()
        assert is_alive(broker) and not list(place.etc.glob(".new*"))
    finally:
        os.kill(broker, signal.SIGKILL)


def test_last_good_is_nobody_elses(place):
    place.done("--check")
    place.done("--device-id", "x")
    assert (place.etc / "last-good").stat().st_mode & 0o777 == 0o700


# --- what takes effect when -----------------------------------------------------------------------------------------

@pytest.mark.parametrize("options, units", [
    ([], []),
    (["--device-id", "x"], ["try-restart broker", "try-restart bridge", "try-restart config", "try-restart firmware",
                            "try-restart reboot", "try-restart sensor"]),
    (["--keepalive", "60"], ["try-restart broker", "try-restart bridge"]),
    (["--cloud", "far.example:1884", "--cloud-prefix", "devices/%d"], ["try-restart broker", "try-restart bridge"]),
    (["--set", "journal_max=9"], ["try-restart bridge", "try-restart config", "try-restart firmware", "try-restart reboot",
                                  "try-restart sensor"]),
    (["--profile", "production", "--device-id", "device"], ["try-restart broker", "try-reload-or-restart nftables"]),
])
def test_no_more_than_what_changed_is_restarted(place, options, units):
    place.done("--apply")
    done = place.done("--apply", *options)
    log = place.folder / "systemctl"
    found = [line.replace("--no-block ", "").replace("devbus-", "").replace(".service", "")
             for line in (log.read_text().splitlines() if log.exists() else [])]
    assert sorted(found) == sorted(units) and (units or done.stdout == "")


def test_new_service_costs_a_reload(place):
    (place.folder / "more").mkdir()
    (place.folder / "more/fan.acl").write_text("")
    (place.folder / "more/own.acl").write_text("")
    place.done("--services-dir", place.folder / "more")
    (place.folder / "more/own.acl").write_text("call fan go\n")
    done = place.done("--services-dir", place.folder / "more")
    assert done.stdout == "acl\n" and done.stderr == "devbus-provision: takes effect with a reload of devbus-broker\n"
    (place.folder / "more/new.acl").write_text("")
    assert "with a reload of devbus-broker, then a restart of devbus-new\n" in place.done("--services-dir", place.folder / "more").stderr


def test_reload_lets_a_new_service_in_and_nobody_out(tmp_path):
    (tmp_path / "more").mkdir()
    (tmp_path / "more/one.acl").write_text("")
    device = Device(tmp_path / "etc", "--services-dir", tmp_path / "more")
    with device, device.client("one") as one:
        (tmp_path / "more/two.acl").write_text("")
        assert run_provision(*device.options).stderr.endswith("a reload of devbus-broker, then a restart of devbus-two\n")
        device.process.send_signal(1)
        wait_until(lambda: "Reloading config" in device.log())
        with device.client("two") as two:
            assert two.reason == 0 and two.send("cloud/event/two/a", "x") in (0, 0x10)
        assert not one.lost and one.send("cloud/event/one/a", "x") in (0, 0x10)


@pytest.mark.parametrize("flag", ["--test", "--apply", "--roll-back"])
def test_image_is_no_device(tmp_path, flag):
    done = run_provision("--output", tmp_path / "etc", "--config-dir", "/etc/devbus", flag)
    assert done.returncode == 2 and "--config-dir" in done.stderr


# --- firewall -------------------------------------------------------------------------------------------------------

PRODUCTION = ["--profile", "production", "--device-id", "x"]


@pytest.mark.parametrize("options, guarded", [
    (["--cloud", "a.example:8883"], "{ 8883 }"), (["--cloud", "a.example:8884", "--cloud", "b.example:8883"], "{ 8883, 8884 }"),
    (["--cloud", "a.example:443"], None),
])
def test_firewall_lets_nobody_in_and_the_bridge_out(place, options, guarded):
    if os.getuid() != 0 or not shutil.which("nft") or subprocess.run(["unshare", "-n", "nft", "list", "ruleset"]).returncode != 0:
        pytest.skip("needs root, nft and network namespaces")
    place.done(*PRODUCTION, "--port", "2883", "--caller-port", "2885", "--cloud-cafile", __file__, *options)
    load = f"nft -f {place.etc}/firewall.nft"
    rules = subprocess.run(["unshare", "-n", "sh", "-c", f"{load} && {load} && nft list ruleset"], capture_output=True, text=True)
    assert rules.returncode == 0 and rules.stdout.count('tcp dport { 1886, 2883, 2885 } iifname != "lo" drop') == 1, rules.stderr
    assert rules.stdout.count('tcp dport 1886 oifname "lo" meta skuid != { ') == 1
    if guarded:
        assert f'tcp dport {guarded} oifname != "lo" meta skuid != {{ ' in rules.stdout.replace("dport 8883 ", "dport { 8883 } ")
    else:
        assert 'oifname != "lo"' not in rules.stdout


@pytest.mark.parametrize("known", [True, False])
def test_firewall_lets_the_tunnel_out(place, known):
    """nft loads nothing at all when it does not know one of the users."""
    place.env = fake_program(place.folder / "bin", "id", f"[ $1 != devbus-bridge ] || exit {int(not known)}\nexec {shutil.which('id')} \"$@\"\n")
    place.done(*PRODUCTION, "--cloud-cafile", __file__, "--cloud", "a.example:8883")
    to_cloud, to_tunnel = re.findall("tcp dport .* skuid != { (.*) } reject", (place.etc / "firewall.nft").read_text())
    assert to_cloud == f"{ME}, root" + ", devbus-bridge" * known and to_tunnel == f"{ME}, root"


def test_device_without_tunnel_has_no_rule_for_it(place):
    place.done(*PRODUCTION)
    assert "1886" not in (place.etc / "firewall.nft").read_text() and "chain output" not in (place.etc / "firewall.nft").read_text()


def test_ufw_knows_all_doors(place):
    place.done(*PRODUCTION, "--cloud-cafile", __file__)
    application = configparser.ConfigParser()
    application.read(place.etc / "firewall.ufw")
    assert application["devbus"]["ports"] == "1883,1885,1886/tcp"
    place.done(*PRODUCTION)
    application = configparser.ConfigParser()
    application = configparser.ConfigParser()
    application.read(place.etc / "firewall.ufw")
    assert application["devbus"]["ports"] == "1883,1885/tcp"
    place.done()
    assert not list(place.etc.glob("firewall*"))
