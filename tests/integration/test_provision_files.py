# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""devbus-provision as a program: what it refuses, what a second run does, who can read what it wrote."""
import getpass
import os
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from provision_kit import PROGRAM, SOURCE, Device, fake_program, run_provision

ME = getpass.getuser()


def tree(folder):
    """Name -> content and time of every file: equal if and only if nothing was written."""
    return {path.relative_to(folder): (path.read_bytes(), path.stat().st_mtime_ns)
            for path in sorted(folder.rglob("*")) if path.is_file()}


def provision(folder, *options, **more):
    done = run_provision("--output", folder, "--user-of-broker", ME, *options, **more)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def mode(path):
    return path.stat().st_mode & 0o777


# --- what is refused ------------------------------------------------------------------------------------------------

BAD = [
    ("--device-id", bad) for bad in ("a/b", "a+", "#", "$SYS", "a b", "a\nb", "a\tb", "", "x" * 65, "ä", "a\x7f", "a%u", "%d", "a\rb")
] + [
    ("--cloud-prefix", bad) for bad in ("/a", "a/", "a//b", "a/+", "#", "a b", "$aws/x", "a\nb", "x" * 65, "a/" * 100 + "a", "%u", "a\\c b", "a\\nb")
] + [
    ("--cloud", bad) for bad in ("host", ":1", "host:", "host:0", "host:65536", "ho st:1", "host:1x", "-h:1", "a..b:1",
                                 "[::1]:1", "host:1\naddress evil:1", "u@h:1", "127.0.0.1:1883", "localhost:1885")
] + [
    ("--port", bad) for bad in ("0", "65536", "x", "-1", "01", "1883 0.0.0.0", "99999999999")
] + [
    ("--caller-port", "1883"), ("--keepalive", "4"), ("--payload-limit", "1023"), ("--payload-limit", "16777217"),
    ("--profile", "Production"), ("--restart-timeout", "5"), ("--restart-timeout", "60 5"), ("--restart-timeout", "1 2 3"),
    ("--cloud-cafile", "/nowhere"), ("--cloud-password-file", "/nowhere"), ("--cloud-user", "a\nb"), ("--cloud-user", " a"),
    ("--data-dir", "/a\nuser root"), ("--user-of-broker", "a b"), ("--services-dir", "/nowhere"), ("--config-dir", "/a\n"),
    ("--monitor-listen", "far.example:1885"), ("--monitor-listen", "10.0.0.1"), ("--monitor-listen", "10.0.0.1:0"),
    ("--monitor-listen", "10.0.0.1:1\nlistener 9"), ("--broker-plugin", "/nowhere"), ("--broker-plugin", "/"),
    ("--set", "x"), ("--set", "Keepalive=1"), ("--set", "broker=1"), ("--set", "a=b\x01"), ("--set", "cloud_prefix=x"),
    ("--set", "keepalive_s=4"), ("--set", "keepalive_s=x"), ("--set", "keepalive_s="), ("--set", "confirm=never"), ("--set", "confirm="),
    ("--set", "confirm=echo ack"), ("--set", "reconnect_min_ms=2001"), ("--set", "reconnect_max_ms=99"), pytest.param("--cloud-user", "x" * 1024, id="long"),
    ("--options", "/nowhere"), ("--options", "/"), ("--nonsense", "1"), ("--o.*", "1"), ("--", "1"),
]


@pytest.mark.parametrize("option, value", BAD)
def test_bad_value_is_refused_and_nothing_written(tmp_path, option, value):
    done = run_provision("--output", tmp_path / "etc", option, value)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith(f"devbus-provision: {option}") and done.stderr.count("devbus-provision: ") == 1
    assert not (tmp_path / "etc").exists()


@pytest.mark.parametrize("options, named", [
    ([], "--output"), (["--port"], "--port"), (["word"], "word"),
    (["--output", "/x", "--profile", "production"], "--device-id"),
    (["--output", "/x", "--profile", "production", "--device-id", "d", "--cloud", "far:8883"], "--cloud-cafile"),
    (["--output", "/x", "--profile", "production", "--device-id", "d", "--cloud", "127.example.com:8883"], "--cloud-cafile"),
    (["--output", "/x", *["--cloud", "far:8883"] * 9], "--cloud"),
    (["--output", "/x", "--cloud-certfile", PROGRAM], "--cloud-certfile"),
    (["--output", "/x", "--monitor-listen", "10.0.0.1:9"], "--broker-plugin"),
    (["--output", "/x", "--monitor-listen", "10.0.0.1:1883", "--broker-plugin", PROGRAM], "--monitor-listen"),
    (["--output", "/x", "--monitor-listen", "10.0.0.1:9", "--profile", "production", "--device-id", "d"], "--monitor-listen"),
    (["--output", "/x", "--cloud-password-file", PROGRAM], "--cloud-password-file"),
])
def test_what_is_missing_is_named(options, named):
    done = run_provision(*options)
    assert done.returncode == 2 and done.stderr.startswith(f"devbus-provision: {named}")


@pytest.mark.parametrize("line, named", [
    ("device-id", "device-id"), ("--device-id x7", "--device-id x7"), (" port 1", " port 1"), ("nonsense 1", "--nonsense"),
    ("port 0", "--port 0"), ("device-id x7\r", "--device-id"), ("options other", "names a further file"), ("", "--output"),
])
def test_bad_line_of_an_options_file_is_named(tmp_path, line, named):
    (tmp_path / "options").write_text(f"# A device.\n{line}\n")
    done = run_provision("--options", tmp_path / "options", *(["--output", tmp_path / "etc"] if line else []))
    assert done.returncode == 2 and named in done.stderr and done.stderr.count("devbus-provision: ") == 1
    assert not (tmp_path / "etc").exists()


@pytest.mark.skipif(os.getuid() != 0, reason="only root is led astray")
def test_root_keeps_out_of_folders_of_others(tmp_path):
    out, victim = tmp_path / "etc", tmp_path / "victim"
    out.mkdir()
    victim.mkdir()
    (out / "data").symlink_to(victim)
    os.chown(out, 65534, 65534)
    done = run_provision("--output", out, "--user-of-broker", "nobody")
    assert done.returncode == 1 and "belongs to another user" in done.stderr
    assert victim.stat().st_uid == 0 and [path.name for path in out.iterdir()] == ["data"]


@pytest.mark.parametrize("text", ["publish service/a", "read #", "read $SYS/#", "write other/a", "read service/a+", "read", "call a",
                                  "read service/#/a", "read service/a b", "call a b c", "call a/b c", "call a #", "user x",
                                  "write service/a\ttopic", "# fine\nread cloud//a"])
def test_bad_manifest_is_refused_with_its_line(tmp_path, text):
    (tmp_path / "own.acl").write_text(text)
    done = run_provision("--output", tmp_path / "etc", "--services-dir", tmp_path)
    assert done.returncode == 2 and f"own.acl:{text.count(chr(10)) + 1}: give" in done.stderr
    assert not (tmp_path / "etc").exists()


@pytest.mark.parametrize("name", ["cli", "monitor", "devbus-bridge", "devbus-bridge-presence", "Upper", "a b", "a.b", "x" * 65])
def test_bad_name_of_a_service_is_refused(tmp_path, name):
    (tmp_path / f"{name}.acl").write_text("")
    done = run_provision("--output", tmp_path / "etc", "--services-dir", tmp_path)
    assert done.returncode == 2 and f"{name}.acl: " in done.stderr


def test_two_manifests_of_one_service_are_refused(tmp_path):
    (tmp_path / "sensor.acl").write_text("")
    done = run_provision("--output", tmp_path / "etc", "--services-dir", tmp_path, "--services-dir", SOURCE / "services")
    assert done.returncode == 2 and "another manifest" in done.stderr


def test_old_broker_is_refused(tmp_path):
    env = fake_program(tmp_path / "bin", "mosquitto", "echo mosquitto version 1.6.12\nexit 3\n")
    done = run_provision("--output", tmp_path / "etc", "--user-of-broker", ME, env=env)
    assert done.returncode == 1 and "version 1.6.12; install 2.0" in done.stderr
    assert not (tmp_path / "etc").exists()


# --- a second run ---------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("shell", ["dash", "busybox sh", "bash --posix"])
def test_second_run_writes_nothing(tmp_path, shell):
    if not shutil.which(shell.split()[0]):
        pytest.skip(f"no {shell} here")
    assert "passwd" in provision(tmp_path / "etc", shell=shell.split())
    before = tree(tmp_path / "etc")
    assert provision(tmp_path / "etc", shell=shell.split()) == []
    assert tree(tmp_path / "etc") == before


def test_options_of_a_file_are_those_of_the_command_line(tmp_path):
    """Also without a line break at its end, and with blanks in a value."""
    words = ["--device-id", "x7", "--restart-timeout", "3 9", "--set", "keepalive_s=5", "--set", "journal_max=9"]
    (tmp_path / "options").write_text("# A device.\n\n" + "\n".join(f"{name[2:]} {value}" for name, value in zip(words[::2], words[1::2])))
    provision(tmp_path / "etc", *words)
    assert provision(tmp_path / "etc", "--options", tmp_path / "options") == []
    assert provision(tmp_path / "etc", "--options", tmp_path / "options", "--device-id", "x8") == ["cloud.conf", "mosquitto.d/bridge.conf",
                                                                                                     "devbus.conf"]
    (tmp_path / "options").write_text("check\n")
    assert "starts with these files" in run_provision("--output", tmp_path / "etc", "--options", tmp_path / "options").stderr


def test_only_what_changes_is_written(tmp_path):
    provision(tmp_path / "etc")
    assert provision(tmp_path / "etc", "--keepalive", 40) == ["cloud.conf", "mosquitto.d/bridge.conf"]
    assert provision(tmp_path / "etc", "--keepalive", 40, "--set", "keepalive_s=5") == ["devbus.conf"]
    assert "keepalive_s = 5\n" in (tmp_path / "etc/devbus.conf").read_text()


def test_of_a_setting_that_is_given_twice_the_last_one_holds(tmp_path):
    """As with options; no service starts with a settings file in which it stands twice."""
    (tmp_path / "options").write_text("set keepalive_s=5\nset journal_max=9\n")
    provision(tmp_path / "etc", "--options", tmp_path / "options", "--set", "keepalive_s=6", "--set", "reconnect_min_ms=3000", "--set",
              "reconnect_max_ms=3000")
    found = re.findall("^(keepalive_s|journal_max) = (.*)", (tmp_path / "etc/devbus.conf").read_text(), re.M)
    assert found == [("journal_max", "9"), ("keepalive_s", "6")]


def test_bounds_of_settings_are_those_of_the_library():
    """So that no service refuses what was taken here. Numbers have nine digits at most here."""
    text = (SOURCE / "libdevbus" / "settings.c").read_text()
    library = {name: f"number {first or 0} {min(int(last), 999999999)}" for name, first, last in
               re.findall(r"DEVBUS_FIELD\(\s*struct settings, (\w+), (?:\.min = (\d+), )?\.max = (\d+)", text)}
    options = (PROGRAM.parent / "provision/options.sh").read_text()
    here = dict(re.findall(r"^(\w+)\|(number \d+ \d+)$", re.search("^settings='(.*?)'", options, re.M | re.S)[1], re.M))
    assert here and here.items() <= library.items()
    assert f"payload-limit|{library['payload_limit_bytes']}|" in options


def test_folders_that_were_chosen_stay(tmp_path):
    """Else a certificate that is changed by hand would cost the broker its sessions."""
    etc = tmp_path / "etc"
    provision(etc)
    assert provision(etc, "--data-dir", tmp_path / "d", "--state-dir", tmp_path / "s") == ["mosquitto.conf", "devbus.conf"]
    assert provision(etc) == [] and provision(etc, "--keepalive", 40) == ["cloud.conf", "mosquitto.d/bridge.conf"]
    assert provision(etc, "--keepalive", 40, "--data-dir", etc / "data", "--state-dir", etc / "state") == ["mosquitto.conf", "devbus.conf"]
    etc.rename(tmp_path / "elsewhere")  # what nobody chose goes with the folder
    provision(tmp_path / "elsewhere", "--keepalive", 40)
    assert f"persistence_location {tmp_path}/elsewhere/data/\n" in (tmp_path / "elsewhere/mosquitto.conf").read_text()
    assert f"state_dir = {tmp_path}/elsewhere/state\n" in (tmp_path / "elsewhere/devbus.conf").read_text()


def test_own_sections_and_groups_stay(tmp_path):
    provision(tmp_path / "etc")
    settings = tmp_path / "etc/devbus.d/cli.conf"
    settings.write_text(settings.read_text() + "interval_s = 7 \\n # \\ kept\n\n[more]\nkey = $HOME\n")
    settings.chmod(0o640)
    (tmp_path / "etc/secrets/cli").chmod(0o644)
    kept = settings.read_text()
    assert provision(tmp_path / "etc") == []
    assert provision(tmp_path / "etc", "--caller-port", 2000) == ["mosquitto.conf", "devbus.d/cli.conf", "devbus.d/monitor.conf"]
    assert settings.read_text() == kept.replace("1885", "2000") and mode(settings) == 0o640
    assert mode(tmp_path / "etc/secrets/cli") == 0o640


def test_new_service_gets_an_identity_and_the_others_keep_theirs(tmp_path):
    options = ["--services-dir", SOURCE / "services", "--services-dir", tmp_path / "more"]
    (tmp_path / "more").mkdir()
    device = Device(tmp_path / "etc", *options)
    before = {user: device.password(user) for user in ("sensor", "cli")}
    (tmp_path / "more" / "fan.acl").write_text("call sensor read")
    done = run_provision(*device.options)
    assert sorted(done.stdout.split()) == ["acl", "devbus.d/fan.conf", "passwd", "secrets/fan"]
    with device:
        for user in ("fan", "sensor", "cli"):
            with device.client(user) as client:
                assert client.reason == 0
    assert before == {user: device.password(user) for user in before}
    (tmp_path / "more" / "fan.acl").unlink()
    assert sorted(run_provision(*device.options).stdout.split()) == ["acl", "devbus.d/fan.conf", "passwd", "secrets/fan"]
    assert not (tmp_path / "etc/secrets/fan").exists() and "fan:" not in (tmp_path / "etc/passwd").read_text()


def test_own_manifests_lie_beside_the_files(tmp_path):
    """A device has its own service by one file, and keeps those of devbus."""
    etc = tmp_path / "etc"
    provision(etc)
    (etc / "services.d").mkdir()
    assert provision(etc) == []
    (etc / "services.d/fand.acl").write_text("")
    assert sorted(provision(etc)) == ["acl", "devbus.d/fand.conf", "passwd", "secrets/fand"]
    assert (etc / "secrets/sensor").exists()
    (etc / "services.d/sensor.acl").write_text("")
    done = run_provision("--output", etc, "--user-of-broker", ME)
    assert done.returncode == 2 and "services.d/sensor.acl: there is another manifest" in done.stderr


def test_changed_secret_is_the_new_password(tmp_path):
    device = Device(tmp_path / "etc")
    (tmp_path / "etc/secrets/cli").write_text("mine\n")
    assert run_provision(*device.options).stdout == "passwd\n"
    with device, device.client("cli") as client:
        assert client.reason == 0 and device.password("cli") == "mine"


def test_what_a_power_cut_left_is_mended(tmp_path):
    device = Device(tmp_path / "etc")
    (tmp_path / "etc/.new.1").mkdir()
    (tmp_path / "etc/.new.1/hashed").write_text("sensor:plain")
    for name in ("passwd", "secrets/cli", "acl", "devbus.d/sensor.conf"):
        (tmp_path / "etc" / name).write_text("")
    assert run_provision(*device.options).returncode == 0
    assert not list((tmp_path / "etc").glob(".new*"))
    with device, device.client("cli") as client, device.client("sensor"):
        assert client.reason == 0


def test_production_has_no_monitor(tmp_path):
    provision(tmp_path / "etc")
    assert "secrets/monitor" in provision(tmp_path / "etc", "--profile", "production", "--device-id", "x")
    for path in (tmp_path / "etc").rglob("*"):
        assert "monitor" not in path.name
    for name in ("acl", "passwd"):
        assert "monitor" not in (tmp_path / "etc" / name).read_text()
    acl = (tmp_path / "etc/acl").read_text()
    assert [line for line in acl.splitlines() if "$SYS" in line] == ["topic read $SYS/broker/log/E"]  # the service bridge


def test_second_program_at_work_is_told_apart(tmp_path):
    provision(tmp_path / "etc")
    env = fake_program(tmp_path / "bin", "mosquitto_passwd", f"touch {tmp_path}/busy; while [ -e {tmp_path}/busy ]; do sleep 0.05; done\n")
    command = ["sh", PROGRAM, "--output", tmp_path / "etc", "--user-of-broker", ME]
    (tmp_path / "etc/passwd").unlink()
    with subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as first:
        end = time.monotonic() + 10
        while not (tmp_path / "busy").exists() and time.monotonic() < end:
            time.sleep(0.01)
        done = run_provision("--output", tmp_path / "etc", "--user-of-broker", ME)
        (tmp_path / "busy").unlink()
        assert done.returncode == 1 and "another devbus-provision" in done.stderr
        assert first.wait(10) == 0


# --- secrets --------------------------------------------------------------------------------------------------------

PROGRAMS = "sed grep cat od tr sha256sum head cmp cp mv rm chmod chown find wc id mkdir dirname mosquitto_passwd flock".split()


def test_no_secret_in_the_arguments_of_any_program(tmp_path):
    (tmp_path / "cloud").write_text("far-secret\n")
    (tmp_path / "cloud").chmod(0o600)
    for name in PROGRAMS:
        real = shutil.which(name)
        env = fake_program(tmp_path / "bin", name, f'printf "%s\\n" "{name} $*" >>{tmp_path}/arguments\nexec {real} "$@"\n')
    provision(tmp_path / "etc", "--cloud-user", "u", "--cloud-password-file", tmp_path / "cloud", env=env)
    arguments = (tmp_path / "arguments").read_text()
    secrets = [path.read_text().strip() for path in (tmp_path / "etc/secrets").iterdir()] + ["far-secret"]
    users = {path.stem for path in (SOURCE / "services").glob("*/*.acl") if "\nadapter" not in path.read_text()} | {"cli", "monitor"}
    assert "mosquitto_passwd -U" in arguments and len(secrets) == len(users) + 1
    assert not [secret for secret in secrets if secret in arguments]
    assert len(set(secrets)) == len(secrets) and all(re.fullmatch("[0-9a-f]{48}", secret) for secret in secrets[:-1])


def test_no_secret_where_others_can_read_it(tmp_path):
    (tmp_path / "cloud").write_text("far-secret")
    (tmp_path / "cloud").chmod(0o600)
    old = os.umask(0)
    try:
        provision(tmp_path / "etc", "--cloud-user", "u", "--cloud-password-file", tmp_path / "cloud")
    finally:
        os.umask(old)
    secrets = [path.read_text().strip() for path in (tmp_path / "etc/secrets").iterdir()] + ["far-secret", "$7$101$"]
    for path in (tmp_path / "etc").rglob("*"):
        assert mode(path) & 0o022 == 0
        if path.is_file() and any(secret in path.read_text() for secret in secrets):
            assert mode(path) == 0o600, path
    assert mode(tmp_path / "etc/secrets") == 0o711 and mode(tmp_path / "etc/acl") == 0o600


def test_open_password_file_is_warned_of(tmp_path):
    (tmp_path / "cloud").write_text("far-secret")
    (tmp_path / "cloud").chmod(0o644)
    done = run_provision("--output", tmp_path / "etc", "--user-of-broker", ME, "--cloud-user", "u", "--cloud-password-file",
                         tmp_path / "cloud")
    assert done.returncode == 0 and "chmod 600" in done.stderr


# --- the rest of the command line -----------------------------------------------------------------------------------

@pytest.mark.skipif(os.getuid() != 0, reason="only root can read all")
def test_authorities_that_only_root_can_read_are_warned_of(tmp_path):
    """The service bridge reads them as its own user."""
    warned = []
    with tempfile.TemporaryDirectory() as folder:
        for folder_mode, file_mode in ((0o755, 0o644), (0o755, 0o600), (0o700, 0o644)):
            file = Path(folder) / "ca.pem"
            file.write_text("")
            file.chmod(file_mode)
            Path(folder).chmod(folder_mode)
            done = run_provision("--output", tmp_path / "etc", "--user-of-broker", ME, "--cloud-cafile", file)
            assert done.returncode == 0
            warned.append(f"{file} cannot be read by the service bridge" in done.stderr)
    assert warned == [False, True, True]


@pytest.mark.parametrize("option, name", [("cafile", "cloud.pem"), ("certfile", "cloud.pem"), ("keyfile", "cloud.pem"), ("password-file", "passwd"),
                                          ("cafile", "mosquitto.d/../acl")])
def test_what_it_writes_is_not_what_it_reads(tmp_path, option, name):
    """A certificate of one's own that is called cloud.pem was overwritten, and a bit longer with each run."""
    (tmp_path / "etc/mosquitto.d").mkdir(parents=True)
    (tmp_path / "etc" / name).write_text("mine")
    given = {"cafile": __file__, "certfile": __file__, "keyfile": __file__, **({"user": "x"} if option == "password-file" else {}),
             option: f"{tmp_path}/etc/{name}"}
    done = run_provision("--output", tmp_path / "etc", "--user-of-broker", ME, "--cloud", "a.example:8883",
                         *(word for key, value in given.items() for word in (f"--cloud-{key}", value)))
    assert done.returncode == 2 and f"--cloud-{option} {tmp_path}/etc/{name}: is a file that this program writes; " in done.stderr, done.stderr
    assert (tmp_path / "etc" / name).read_text() == "mine"


def test_check_lets_a_broker_read_the_files(tmp_path):
    done = run_provision("--output", tmp_path / "etc", "--user-of-broker", ME, "--check")
    assert done.returncode == 0 and re.search("mosquitto 2[0-9.]* starts with these files", done.stderr)


def test_check_keeps_what_no_broker_would_read(tmp_path):
    provision(tmp_path / "etc")
    before = tree(tmp_path / "etc")
    done = run_provision("--output", tmp_path / "etc", "--user-of-broker", ME, "--check", "--cloud-user", os.fsdecode(b"\xff"))
    assert done.returncode == 1 and "Malformed UTF-8" in done.stderr
    assert tree(tmp_path / "etc") == before and not list((tmp_path / "etc").glob(".new*"))


def test_plugin_beside_the_installed_program_is_used(tmp_path):
    """And where there is none, production is told what that means."""
    installed = tmp_path / "usr"
    (installed / "sbin").mkdir(parents=True)
    shutil.copy(PROGRAM, installed / "sbin")
    for part in ("provision", "clouds"):
        shutil.copytree(PROGRAM.parent / part, installed / "share/devbus" / part)
    options = ["--output", tmp_path / "etc", "--user-of-broker", ME, "--services-dir", SOURCE / "services", "--profile", "production",
               "--device-id", "x"]

    def run(*more):
        done = subprocess.run(["sh", installed / "sbin/devbus-provision", *map(str, [*options, *more])], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return [line for line in (tmp_path / "etc/mosquitto.conf").read_text().splitlines() if line.startswith("plugin ")], done.stderr
    lines, said = run()
    assert lines == [] and "no devbus-admission.so" in said and "--broker-plugin" in said
    (installed / "libexec/devbus").mkdir(parents=True)
    (installed / "libexec/devbus/devbus-admission.so").write_text("")
    lines, said = run()
    assert lines == [f"plugin {installed}/libexec/devbus/devbus-admission.so"] and "admission" not in said
    assert run("--broker-plugin", PROGRAM)[0] == [f"plugin {PROGRAM}"]
    assert run("--config-dir", "/etc/devbus")[0] == []  # the place of an image is not to be known from here


def test_image_is_written_for_another_place(tmp_path):
    provision(tmp_path / "image", "--config-dir", "/etc/devbus", "--cloud-cafile", "/only/on/device.pem")
    text = "".join(path.read_text() for path in (tmp_path / "image").rglob("*.conf"))
    assert str(tmp_path) not in text and not (tmp_path / "image/data").exists()
    for line in ("password_file /etc/devbus/passwd", "persistence_location /etc/devbus/data/", "bridge_insecure false",
                 "password_file = /etc/devbus/secrets/sensor", "include_dir /etc/devbus/mosquitto.d"):
        assert line in text


def test_relative_paths_become_absolute(tmp_path):
    done = run_provision("--output", "etc", "--data-dir", "here/", "--user-of-broker", ME, cwd=tmp_path)
    assert done.returncode == 0
    assert f"persistence_location {tmp_path}/here/\n" in (tmp_path / "etc/mosquitto.conf").read_text()
    assert (tmp_path / "here").is_dir()


def test_help_names_every_option_and_version_is_that_of_the_project():
    text = run_provision("--help").stdout
    tables, _, _ = (PROGRAM.parent / "provision/options.sh").read_text().partition("\nsettings='")
    for option in re.findall(r"^(?:options=')?([a-z-]+)\|", tables, re.M):
        assert f"--{option} " in text
        assert f"Fl -{option}" in (SOURCE / "doc/man/devbus-provision.8").read_text()
    version = run_provision("--version").stdout
    configure = SOURCE / "configure.ac"
    if configure.exists():
        assert version.split()[1] in re.search(r"AC_INIT\(([^)]*)\)", configure.read_text()).group(1)


def test_shellcheck_finds_nothing():
    if not shutil.which("shellcheck"):
        pytest.skip("no shellcheck here")
    subprocess.run(["shellcheck", "-x", PROGRAM, *Path(PROGRAM.parent / "provision").glob("*.sh")], check=True)
