# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
#
# Four kinds of tests, all of them TAP: unit tests of modules (Check), corpora of the fuzzers, the structure of the
# source, and the real thing with brokers (pytest). A new unit test is a line in unit_tests and one for its sources.

TEST_EXTENSIONS = .py .sh
TAP_DRIVER = env AWK='$(AWK)' $(SHELL) $(top_srcdir)/build-aux/tap-driver.sh
LOG_DRIVER = $(TAP_DRIVER)
SH_LOG_DRIVER = $(TAP_DRIVER)
SH_LOG_COMPILER = $(SHELL)
PY_LOG_DRIVER = $(TAP_DRIVER)
PY_LOG_COMPILER = $(SHELL) $(srcdir)/%D%/integration/run-pytest
AM_TESTS_ENVIRONMENT = \
	srcdir='$(abs_srcdir)'; export srcdir; builddir='$(abs_builddir)'; export builddir; \
	PYTHON3='$(PYTHON3)'; export PYTHON3; MOSQUITTO='$(MOSQUITTO)'; export MOSQUITTO; CC='$(CC)'; export CC; \
	DEVBUS_CFLAGS='$(devbus_cflags)'; export DEVBUS_CFLAGS; CK_DEFAULT_TIMEOUT=60; export CK_DEFAULT_TIMEOUT; \
	OPTIMISATION='$(filter -O%,$(CFLAGS))'; export OPTIMISATION;

# ---- unit tests of modules, and of the library over a fake link and clock

if HAVE_CHECK
unit_tests = \
	%D%/unit/test-bridge-window \
	%D%/unit/test-bus \
	%D%/unit/test-bus-memory \
	%D%/unit/test-call \
	%D%/unit/test-call-limits \
	%D%/unit/test-clock \
	%D%/unit/test-command \
	%D%/unit/test-command-ids \
	%D%/unit/test-command-secrets \
	%D%/unit/test-crash \
	%D%/unit/test-durable \
	%D%/unit/test-durable-ack \
	%D%/unit/test-durable-limits \
	%D%/unit/test-durable-refused \
	%D%/unit/test-echo \
	%D%/unit/test-envelope \
	%D%/unit/test-envelope-command \
	%D%/unit/test-envelope-time \
	%D%/unit/test-field \
	%D%/unit/test-field-map \
	%D%/unit/test-field-text \
	%D%/unit/test-file \
	%D%/unit/test-handoff \
	%D%/unit/test-hazards \
	%D%/unit/test-host \
	%D%/unit/test-json \
	%D%/unit/test-json-values \
	%D%/unit/test-log \
	%D%/unit/test-loop \
	%D%/unit/test-main \
	%D%/unit/test-messages \
	%D%/unit/test-notify \
	%D%/unit/test-outbox \
	%D%/unit/test-paho \
	%D%/unit/test-publish \
	%D%/unit/test-salvage \
	%D%/unit/test-section \
	%D%/unit/test-serve \
	%D%/unit/test-settings \
	%D%/unit/test-settings-service \
	%D%/unit/test-socket \
	%D%/unit/test-sources \
	%D%/unit/test-status \
	%D%/unit/test-store \
	%D%/unit/test-store-damage \
	%D%/unit/test-store-faults \
	%D%/unit/test-store-outbox \
	%D%/unit/test-store-rot \
	%D%/unit/test-store-schema \
	%D%/unit/test-subscribe \
	%D%/unit/test-topic \
	%D%/unit/test-worker
check_PROGRAMS += $(unit_tests)
TESTS += $(unit_tests)

# Which take each case when DEVBUS_LONG is set, and a sample else.
long_unit_tests = %D%/unit/test-crash %D%/unit/test-store-rot
endif

# What every test program is linked with.
LDADD = libdevbus/libcore.la $(CHECK_LIBS)
%C%_unit_test_store_LDADD = $(LDADD) $(SQLITE_LIBS)
%C%_unit_test_store_damage_LDADD = $(LDADD) $(SQLITE_LIBS)
%C%_unit_test_store_faults_LDADD = $(LDADD) $(SQLITE_LIBS)
%C%_unit_test_store_outbox_LDADD = $(LDADD) $(SQLITE_LIBS)
%C%_unit_test_store_rot_LDADD = $(LDADD) $(SQLITE_LIBS)
%C%_unit_test_store_schema_LDADD = $(LDADD) $(SQLITE_LIBS)
%C%_unit_test_file_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=fsync

# The bus over a fake link and clock.
bus_kit = %D%/unit/bus-kit.c %D%/unit/fake-link.c
%C%_unit_test_bus_SOURCES = %D%/unit/test-bus.c $(bus_kit)
%C%_unit_test_bus_memory_SOURCES = %D%/unit/test-bus-memory.c $(bus_kit)
%C%_unit_test_call_SOURCES = %D%/unit/test-call.c $(bus_kit)
%C%_unit_test_call_limits_SOURCES = %D%/unit/test-call-limits.c $(bus_kit)
%C%_unit_test_command_SOURCES = %D%/unit/test-command.c $(bus_kit)
%C%_unit_test_command_ids_SOURCES = %D%/unit/test-command-ids.c $(bus_kit)
%C%_unit_test_crash_SOURCES = %D%/unit/test-crash.c %D%/unit/power-cut.c $(bus_kit)
%C%_unit_test_command_secrets_SOURCES = %D%/unit/test-command-secrets.c $(bus_kit)
%C%_unit_test_durable_SOURCES = %D%/unit/test-durable.c $(bus_kit)
%C%_unit_test_durable_ack_SOURCES = %D%/unit/test-durable-ack.c $(bus_kit)
%C%_unit_test_durable_limits_SOURCES = %D%/unit/test-durable-limits.c $(bus_kit)
%C%_unit_test_durable_refused_SOURCES = %D%/unit/test-durable-refused.c $(bus_kit)
%C%_unit_test_echo_SOURCES = %D%/unit/test-echo.c $(bus_kit)
%C%_unit_test_main_SOURCES = %D%/unit/test-main.c $(bus_kit)
%C%_unit_test_hazards_SOURCES = %D%/unit/test-hazards.c $(bus_kit)
%C%_unit_test_host_SOURCES = %D%/unit/test-host.c $(bus_kit)
%C%_unit_test_messages_SOURCES = %D%/unit/test-messages.c $(bus_kit)
%C%_unit_test_notify_SOURCES = %D%/unit/test-notify.c $(bus_kit)
%C%_unit_test_publish_SOURCES = %D%/unit/test-publish.c $(bus_kit)
%C%_unit_test_salvage_SOURCES = %D%/unit/test-salvage.c $(bus_kit)
%C%_unit_test_salvage_LDADD = $(LDADD) $(SQLITE_LIBS)
%C%_unit_test_section_SOURCES = %D%/unit/test-section.c $(bus_kit)
%C%_unit_test_serve_SOURCES = %D%/unit/test-serve.c $(bus_kit)
%C%_unit_test_sources_SOURCES = %D%/unit/test-sources.c $(bus_kit)
%C%_unit_test_status_SOURCES = %D%/unit/test-status.c $(bus_kit)
%C%_unit_test_subscribe_SOURCES = %D%/unit/test-subscribe.c $(bus_kit)
%C%_unit_test_worker_SOURCES = %D%/unit/test-worker.c $(bus_kit)
%C%_unit_test_outbox_SOURCES = %D%/unit/test-outbox.c %D%/unit/fake-link.c
%C%_unit_test_bus_memory_LDADD = $(LDADD) $(CJSON_LIBS)
%C%_unit_test_bus_memory_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=malloc -Wl,--wrap=calloc -Wl,--wrap=realloc -Wl,--wrap=strdup

# Everything that can fail, fails once: a part of it here, all of it in check-faults.
if HAVE_CHECK
torture = %D%/torture/torture
check_PROGRAMS += $(torture)
TESTS += $(torture)
endif
%C%_torture_torture_SOURCES = \
	%D%/torture/torture.c %D%/torture/torture.h \
	%D%/torture/bus.c \
	%D%/torture/broker.c %D%/torture/broker.h \
	%D%/torture/commands.c \
	%D%/torture/disk.c \
	%D%/torture/events.c \
	%D%/torture/faults.c %D%/torture/faults.h \
	%D%/torture/life.c %D%/torture/life.h \
	%D%/torture/link.c \
	%D%/torture/values.c \
	$(bus_kit)
%C%_torture_torture_LDADD = $(LDADD) $(CJSON_LIBS) $(SQLITE_LIBS)
%C%_torture_torture_LDFLAGS = $(AM_LDFLAGS) -no-install -Wl,--wrap=malloc -Wl,--wrap=calloc -Wl,--wrap=realloc \
	-Wl,--wrap=strdup -Wl,--wrap=strndup -Wl,--wrap=free

EXTRA_DIST += \
	%D%/unit/bus-kit.h \
	%D%/unit/call-kit.h \
	%D%/unit/durable-kit.h \
	%D%/unit/fake-clock.h \
	%D%/unit/fake-link.h \
	%D%/unit/field-tables.h \
	%D%/unit/full-disk.h \
	%D%/unit/json-text.h \
	%D%/unit/loopback.h \
	%D%/unit/power-cut.h \
	%D%/unit/serve-kit.h \
	%D%/unit/settings-folder.h \
	%D%/unit/short-memory.h \
	%D%/unit/store-folder.h \
	%D%/unit/subscribe-kit.h \
	%D%/unit/unit.h

# ---- fuzzers, which replay their corpora unless they were configured with --enable-fuzzing

fuzzers = \
	%D%/fuzz/fuzz-bag \
	%D%/fuzz/fuzz-envelope \
	%D%/fuzz/fuzz-field \
	%D%/fuzz/fuzz-json \
	%D%/fuzz/fuzz-settings \
	%D%/fuzz/fuzz-topic
check_PROGRAMS += $(fuzzers)

if FUZZING
fuzz_main =
fuzz_ldflags = $(AM_LDFLAGS) -fsanitize=fuzzer
else
fuzz_main = %D%/fuzz/replay.c
fuzz_ldflags = $(AM_LDFLAGS)
endif
%C%_fuzz_fuzz_bag_SOURCES = %D%/fuzz/fuzz-bag.c $(fuzz_main)
%C%_fuzz_fuzz_bag_LDADD = services/azure/libazure.la libdevbus/libdevbus.la
%C%_fuzz_fuzz_bag_LDFLAGS = $(fuzz_ldflags)
%C%_fuzz_fuzz_field_SOURCES = %D%/fuzz/fuzz-field.c $(fuzz_main)
%C%_fuzz_fuzz_field_LDFLAGS = $(fuzz_ldflags)
%C%_fuzz_fuzz_json_SOURCES = %D%/fuzz/fuzz-json.c $(fuzz_main)
%C%_fuzz_fuzz_json_LDFLAGS = $(fuzz_ldflags)
%C%_fuzz_fuzz_topic_SOURCES = %D%/fuzz/fuzz-topic.c $(fuzz_main)
%C%_fuzz_fuzz_topic_LDFLAGS = $(fuzz_ldflags)

%C%_fuzz_fuzz_envelope_SOURCES = %D%/fuzz/fuzz-envelope.c $(fuzz_main)
%C%_fuzz_fuzz_envelope_LDFLAGS = $(fuzz_ldflags)
%C%_fuzz_fuzz_settings_SOURCES = %D%/fuzz/fuzz-settings.c $(fuzz_main)
%C%_fuzz_fuzz_settings_LDFLAGS = $(fuzz_ldflags)
TESTS += %D%/fuzz/replay-all.sh
EXTRA_DIST += %D%/fuzz/replay-all.sh %D%/fuzz/corpus

# ---- the structure of the source

structure_tests = \
	%D%/structure/examples.sh \
	%D%/structure/includes.sh \
	%D%/structure/shape.sh \
	%D%/structure/symbols.sh
TESTS += $(structure_tests)
EXTRA_DIST += $(structure_tests)

# ---- with brokers

integration_tests = \
	%D%/integration/test_bridge.py \
	%D%/integration/test_bridge_cause.py \
	%D%/integration/test_broker_memory.py \
	%D%/integration/test_calls.py \
	%D%/integration/test_cloud_test.py \
	%D%/integration/test_commands.py \
	%D%/integration/test_config.py \
	%D%/integration/test_faults.py \
	%D%/integration/test_first_boot.py \
	%D%/integration/test_intruder.py \
	%D%/integration/test_mistakes.py \
	%D%/integration/test_presence.py \
	%D%/integration/test_provision.py \
	%D%/integration/test_provision_changes.py \
	%D%/integration/test_provision_clouds.py \
	%D%/integration/test_provision_files.py \
	%D%/integration/test_reboot.py \
	%D%/integration/test_reboot_logind.py \
	%D%/integration/test_sessions.py \
	%D%/integration/test_settings.py \
	%D%/integration/test_status.py \
	%D%/integration/test_tunnel.py \
	%D%/integration/test_units.py
TESTS += $(integration_tests)
EXTRA_DIST += $(integration_tests) \
	%D%/integration/bad_cloud_kit.py \
	%D%/integration/conftest.py \
	%D%/integration/device_kit.py \
	%D%/integration/ports.py \
	%D%/integration/provision_kit.py \
	%D%/integration/reboot_kit.py \
	%D%/integration/raw_mqtt.py \
	%D%/integration/run-pytest \
	%D%/integration/small-buffer.c \
	%D%/integration/tap_plugin.py \
	%D%/integration/slow-exit.c \
	%D%/integration/wall-clock.c \
	%D%/integration/watcher_kit.py

# The service of these tests sees only what services see. -no-install: one program, not a script that starts it.
check_PROGRAMS += %D%/integration/probe
%C%_integration_probe_SOURCES = \
	%D%/integration/probe.c %D%/integration/probe.h \
	%D%/integration/probe-answers.c \
	%D%/integration/probe-messages.c
%C%_integration_probe_CPPFLAGS = -I$(top_srcdir)/include
%C%_integration_probe_LDADD = libdevbus/libdevbus.la
%C%_integration_probe_LDFLAGS = $(AM_LDFLAGS) -no-install

# ---- the whole device as the cloud sees it, and the faults that happen to it; `make check-faults` takes half an hour

system_tests = \
	%D%/system/test_device.py \
	%D%/system/test_firmware.py \
	%D%/system/test_mock_devices.py \
	%D%/system/test_recipes.py \
	%D%/system/test_sensors.py \
	%D%/system/test_robot_suites.py
# A generated bridge to the brokers that clouds are made of: those that are installed, and the others say what they miss.
cloud_tests = \
	%D%/clouds/test_aedes.py \
	%D%/clouds/test_aws.py \
	%D%/clouds/test_azure.py \
	%D%/clouds/test_cluster.py \
	%D%/clouds/test_ejabberd.py \
	%D%/clouds/test_mosquitto.py \
	%D%/clouds/test_rabbitmq.py
TESTS += $(cloud_tests)
EXTRA_DIST += $(cloud_tests) \
	%D%/clouds/aedes-broker.js \
	%D%/clouds/cloud_cases.py \
	%D%/clouds/cloud_kit.py \
	%D%/clouds/cloud_rules.py \
	%D%/clouds/stand_in.py \
	%D%/clouds/erlang_kit.py

.PHONY: check-clouds
check-clouds: all $(check_PROGRAMS)
	@rm -f $(figures); result=0; \
	DEVBUS_LONG=1 DEVBUS_FIGURES='$(abs_builddir)/$(figures)' $(MAKE) $(AM_MAKEFLAGS) -j1 check-TESTS TESTS='$(cloud_tests)' || result=$$?; \
	$(PYTHON3) $(srcdir)/%D%/faults/print_figures.py $(figures); exit $$result

# With a real RAUC; they say what they miss where it is not installed.
rauc_tests = %D%/rauc/test_rauc.py
EXTRA_DIST += $(rauc_tests) \
	%D%/rauc/bootloader.sh \
	%D%/rauc/bundles.py \
	%D%/rauc/pause.sh \
	%D%/rauc/rauc_kit.py \
	%D%/rauc/signer.ext
TESTS += $(rauc_tests)

.PHONY: check-rauc
check-rauc: all $(check_PROGRAMS)
	@$(MAKE) $(AM_MAKEFLAGS) check-TESTS TESTS='$(rauc_tests)'

# On a virtual machine with systemd, GRUB and RAUC; not part of check.
vm_tests = %D%/vm/test_vm.py
EXTRA_DIST += $(vm_tests) %D%/vm/grub.cfg %D%/vm/image.py %D%/vm/overlay %D%/vm/vm.py

.PHONY: check-vm
check-vm: all
	@rm -f $(figures); result=0; \
	DEVBUS_VM=1 DEVBUS_FIGURES='$(abs_builddir)/$(figures)' $(MAKE) $(AM_MAKEFLAGS) check-TESTS TESTS='$(vm_tests)' || result=$$?; \
	$(PYTHON3) $(srcdir)/%D%/faults/print_figures.py $(figures); exit $$result

fault_tests = \
	%D%/faults/test_accounting.py \
	%D%/faults/test_black_hole.py \
	%D%/faults/test_commands_under_faults.py \
	%D%/faults/test_configuration.py \
	%D%/faults/test_crash_points.py \
	%D%/faults/test_disk.py \
	%D%/faults/test_hostile.py \
	%D%/faults/test_hostile_local.py \
	%D%/faults/test_kills.py \
	%D%/faults/test_links.py \
	%D%/faults/test_outbox.py \
	%D%/faults/test_reboot_kills.py \
	%D%/faults/test_restarts.py \
	%D%/faults/test_sensor_cost.py
robot_suites = \
	%D%/system/robot/brokers.robot \
	%D%/system/robot/commands.robot \
	%D%/system/robot/events.robot \
	%D%/system/robot/link.robot \
	%D%/system/robot/reboot.robot \
	%D%/system/robot/repeats.robot \
	%D%/system/robot/service-down.robot
TESTS += $(system_tests) $(fault_tests)
EXTRA_DIST += $(system_tests) $(fault_tests) $(robot_suites) \
	%D%/faults/accounting.py \
	%D%/faults/fault_kit.py \
	%D%/faults/name_server.py \
	%D%/faults/print_figures.py \
	%D%/system/DevbusLibrary.py \
	%D%/system/cloud.py \
	%D%/system/firmware_kit.py \
	%D%/system/image_server.py \
	%D%/system/link.py \
	%D%/system/robot_words.py

check_PROGRAMS += %D%/faults/worker
%C%_faults_worker_SOURCES = %D%/faults/worker.c
%C%_faults_worker_CPPFLAGS = -I$(top_srcdir)/include
%C%_faults_worker_LDADD = libdevbus/libdevbus.la
%C%_faults_worker_LDFLAGS = $(AM_LDFLAGS) -no-install

check_PROGRAMS += %D%/faults/kill-at
%C%_faults_kill_at_SOURCES = %D%/faults/kill-at.c
%C%_faults_kill_at_LDADD =

# The same, and the library in it, under sanitizers: whatever hostile messages do to it shows. Only check-faults needs it.
EXTRA_PROGRAMS += %D%/faults/worker-sanitized
%C%_faults_worker_sanitized_SOURCES = %D%/faults/worker.c $(libdevbus_libcore_la_SOURCES)
%C%_faults_worker_sanitized_CFLAGS = $(AM_CFLAGS) $(sanitize) -fno-omit-frame-pointer
%C%_faults_worker_sanitized_LDADD = $(libdevbus_libcore_la_LIBADD)
%C%_faults_worker_sanitized_LDFLAGS = $(AM_LDFLAGS) $(sanitize)
sanitize = -fsanitize=address,undefined -fno-sanitize-recover=all
CLEANFILES += %D%/faults/worker-sanitized

figures = fault-figures.jsonl
CLEANFILES += $(figures)

.PHONY: check-faults check-robot
check-faults: all $(check_PROGRAMS)
	@rm -f $(figures)
	@$(MAKE) $(AM_MAKEFLAGS) %D%/faults/worker-sanitized || echo "no sanitizers: the hostile messages go to the plain worker"
	@result=0; DEVBUS_LONG=1 DEVBUS_FIGURES='$(abs_builddir)/$(figures)' $(MAKE) $(AM_MAKEFLAGS) -j1 check-TESTS \
		TESTS='$(torture) $(long_unit_tests) $(fault_tests) $(system_tests)' || result=$$?; \
	$(PYTHON3) $(srcdir)/%D%/faults/print_figures.py $(figures); exit $$result

# Figures, of which none is a reason to fail: they are of this machine, and of whatever else it does.
EXTRA_DIST += %D%/bench/bench_firmware.py
.PHONY: bench-firmware
bench-firmware: all
	$(AM_TESTS_ENVIRONMENT) PATH="$$PATH:/usr/sbin:/sbin" PYTHONDONTWRITEBYTECODE=1 \
		$(PYTHON3) $(srcdir)/%D%/bench/bench_firmware.py

# devbus beside those it is compared with, in one family of programs that only `make bench` builds.
bench_programs = \
	%D%/bench/bench-async \
	%D%/bench/bench-devbus \
	%D%/bench/bench-disk \
	%D%/bench/bench-floor \
	%D%/bench/bench-paho
if HAVE_LIBMOSQUITTO
bench_programs += %D%/bench/bench-mosquitto
endif
if HAVE_LIBSYSTEMD
bench_programs += %D%/bench/bench-sdbus
endif
EXTRA_PROGRAMS += $(bench_programs)
CLEANFILES += $(bench_programs)
bench_kit = %D%/bench/bench.c %D%/bench/bench.h
%C%_bench_bench_async_SOURCES = %D%/bench/bench-async.c %D%/bench/bench-topics.h $(bench_kit)
%C%_bench_bench_async_LDADD = -lpaho-mqtt3a
%C%_bench_bench_devbus_SOURCES = %D%/bench/bench-devbus.c $(bench_kit)
%C%_bench_bench_devbus_LDADD = libdevbus/libdevbus.la
%C%_bench_bench_devbus_LDFLAGS = $(AM_LDFLAGS) -no-install
%C%_bench_bench_disk_SOURCES = %D%/bench/bench-disk.c $(bench_kit)
%C%_bench_bench_disk_LDADD =
%C%_bench_bench_floor_SOURCES = %D%/bench/bench-floor.c $(bench_kit)
%C%_bench_bench_floor_LDADD =
%C%_bench_bench_paho_SOURCES = %D%/bench/bench-paho.c %D%/bench/bench-topics.h $(bench_kit)
%C%_bench_bench_paho_LDADD = $(PAHO_LIBS)
if HAVE_LIBMOSQUITTO
%C%_bench_bench_mosquitto_SOURCES = %D%/bench/bench-mosquitto.c %D%/bench/bench-topics.h $(bench_kit)
%C%_bench_bench_mosquitto_CPPFLAGS = $(AM_CPPFLAGS) $(MOSQUITTO_CLIENT_CFLAGS)
%C%_bench_bench_mosquitto_LDADD = $(MOSQUITTO_CLIENT_LIBS)
endif
if HAVE_LIBSYSTEMD
%C%_bench_bench_sdbus_SOURCES = %D%/bench/bench-sdbus.c $(bench_kit)
%C%_bench_bench_sdbus_CPPFLAGS = $(AM_CPPFLAGS) $(LIBSYSTEMD_CFLAGS)
%C%_bench_bench_sdbus_LDADD = $(LIBSYSTEMD_LIBS)
endif

# Instructions of the library for a message, which are the same each time: a guard in `make check`.
check_PROGRAMS += %D%/bench/count-instructions
%C%_bench_count_instructions_SOURCES = %D%/bench/count-instructions.c
%C%_bench_count_instructions_LDFLAGS = $(AM_LDFLAGS) -no-install
TESTS += %D%/bench/instructions.sh
EXTRA_DIST += %D%/bench/instructions.sh %D%/bench/instructions.txt

EXTRA_DIST += \
	%D%/bench/bench.py \
	%D%/bench/bench_device.py \
	%D%/bench/bench_kit.py \
	%D%/bench/bench_report.py \
	%D%/bench/bench_scale.py \
	%D%/bench/bench_traffic.py
.PHONY: bench bench-quick
run_bench = $(AM_TESTS_ENVIRONMENT) BENCH_CFLAGS='$(CFLAGS)' PATH="$$PATH:/usr/sbin:/sbin" PYTHONDONTWRITEBYTECODE=1 \
	$(PYTHON3) $(srcdir)/%D%/bench/bench.py
bench: all $(bench_programs)
	$(run_bench) $(BENCH)
bench-quick: all $(bench_programs)
	$(run_bench) --quick $(BENCH)

# The suites that a test engineer reads; tests/system/test_robot_suites.py keeps them in step without Robot too.
check-robot: all $(check_PROGRAMS)
	@if $(PYTHON3) -c 'import robot.run' 2>/dev/null; then \
		$(AM_TESTS_ENVIRONMENT) $(PYTHON3) -m robot --outputdir robot-results \
			--pythonpath $(srcdir)/%D%/system $(robot_suites:%=$(srcdir)/%); \
	else \
		echo "skipped: Robot Framework is not installed, its suites are not run: $(words $(robot_suites))"; \
	fi

# ---- the count over all suites, as the last line

# In place of automake's own rule, which stops before anything could be printed behind its summary.
EXTRA_DIST += %D%/count-results
check-TESTS: $(check_PROGRAMS)
	@rm -f $(TEST_LOGS) $(TEST_LOGS:.log=.trs) $(TEST_SUITE_LOG)
	@result=0; $(MAKE) $(AM_MAKEFLAGS) $(TEST_SUITE_LOG) || result=$$?; \
	$(SHELL) $(srcdir)/%D%/count-results $(TEST_LOGS:.log=.trs); exit $$result
