# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause

pkglibexec_PROGRAMS += %D%/devbus-sensor
noinst_LTLIBRARIES += %D%/libsensor.la
dist_man_MANS += doc/man/devbus-sensor.8

%C%_libsensor_la_SOURCES = \
	%D%/alarm.c %D%/alarm.h \
	%D%/attribute.c %D%/attribute.h \
	%D%/catalog.c %D%/catalog.h \
	%D%/entry.c %D%/entry.h \
	%D%/hwmon.c \
	%D%/iio.c \
	%D%/lane.c %D%/lane.h \
	%D%/memory.c %D%/memory.h \
	%D%/message.c %D%/message.h \
	%D%/naming.c \
	%D%/net.c \
	%D%/plan.c %D%/plan.h \
	%D%/proc.c \
	%D%/program.c %D%/program.h \
	%D%/quantity.c %D%/quantity.h \
	%D%/query.c \
	%D%/reader.c %D%/reader.h \
	%D%/sampler.c %D%/sampler.h \
	%D%/sampler-internal.h \
	%D%/sampler-scan.c \
	%D%/sensor.c %D%/sensor.h \
	%D%/service.h \
	%D%/source.c \
	%D%/telling.c \
	%D%/thermal.c \
	%D%/unit.c %D%/unit.h \
	%D%/w1.c \
	%D%/window.c %D%/window.h

%C%_devbus_sensor_SOURCES = %D%/main.c
%C%_devbus_sensor_LDADD = %D%/libsensor.la libdevbus/libdevbus.la -lm

if HAVE_CHECK
sensor_tests = tests/unit/test-alarm tests/unit/test-plan tests/unit/test-reader tests/unit/test-sampler \
	tests/unit/test-sensor
check_PROGRAMS += $(sensor_tests)
TESTS += $(sensor_tests)
sampler_kit = tests/unit/sampler-kit.c tests/unit/sampler-kit.h tests/unit/sensor-tree.c tests/unit/sensor-tree.h
tests_unit_test_alarm_SOURCES = tests/unit/test-alarm.c $(sampler_kit)
tests_unit_test_alarm_LDADD = %D%/libsensor.la $(LDADD) -lm
tests_unit_test_plan_SOURCES = tests/unit/test-plan.c $(sampler_kit)
tests_unit_test_plan_LDADD = %D%/libsensor.la $(LDADD) -lm
tests_unit_test_reader_SOURCES = tests/unit/test-reader.c tests/unit/bus-kit.c tests/unit/fake-link.c
tests_unit_test_reader_LDADD = %D%/libsensor.la $(LDADD) -lm
tests_unit_test_sampler_SOURCES = tests/unit/test-sampler.c $(sampler_kit)
tests_unit_test_sampler_LDADD = %D%/libsensor.la $(LDADD) -lm
tests_unit_test_sensor_SOURCES = tests/unit/test-sensor.c tests/unit/sensor-tree.c tests/unit/sensor-tree.h
tests_unit_test_sensor_LDADD = %D%/libsensor.la $(LDADD) -lm
endif

EXTRA_DIST += \
	tests/data/sensor-root/README \
	tests/data/sensor-root/am335x-controller.tree \
	tests/data/sensor-root/arm-gateway.tree \
	tests/data/sensor-root/pi-weather.tree \
	tests/data/sensor-root/x86-industrial.tree \
	tests/data/umockdev/i2c-board.umockdev
