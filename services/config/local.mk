# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause

pkglibexec_PROGRAMS += %D%/devbus-config
noinst_LTLIBRARIES += %D%/libconfig.la
dist_man_MANS += doc/man/devbus-config.8

%C%_libconfig_la_SOURCES = \
	%D%/answers.c %D%/answers.h \
	%D%/asker.c %D%/asker.h \
	%D%/change.c %D%/change.h \
	%D%/config.c %D%/service.h \
	%D%/deadline.c %D%/deadline.h \
	%D%/files.c %D%/files.h \
	%D%/history.c %D%/history.h \
	%D%/layers.c %D%/layers.h \
	%D%/limits.h \
	%D%/mask.c %D%/mask.h \
	%D%/refusal.c %D%/refusal.h \
	%D%/schema.c %D%/schema.h \
	%D%/schemas.c %D%/schemas.h \
	%D%/section.c %D%/section.h \
	%D%/sections.c %D%/sections.h \
	%D%/settings.c %D%/settings.h \
	%D%/shape.c %D%/shape.h \
	%D%/trial-file.c %D%/trial-file.h \
	%D%/trials.c %D%/trials.h \
	%D%/turns.c %D%/turns.h \
	%D%/vendor.c %D%/vendor.h

%C%_devbus_config_SOURCES = %D%/main.c
%C%_devbus_config_LDADD = %D%/libconfig.la libdevbus/libdevbus.la -lm

if HAVE_CHECK
config_tests = tests/unit/test-config tests/unit/test-config-disk tests/unit/test-config-trial tests/unit/test-schema
check_PROGRAMS += $(config_tests)
TESTS += $(config_tests)
tests_unit_test_config_SOURCES = tests/unit/test-config.c tests/unit/config-kit.c tests/unit/config-kit.h
tests_unit_test_config_LDADD = %D%/libconfig.la $(LDADD) -lm
tests_unit_test_config_disk_SOURCES = tests/unit/test-config-disk.c tests/unit/config-kit.c tests/unit/config-kit.h
tests_unit_test_config_disk_LDADD = %D%/libconfig.la $(LDADD) -lm
tests_unit_test_config_trial_SOURCES = tests/unit/test-config-trial.c tests/unit/config-kit.c tests/unit/config-kit.h
tests_unit_test_config_trial_LDADD = %D%/libconfig.la $(LDADD) -lm
tests_unit_test_schema_LDADD = %D%/libconfig.la $(LDADD) -lm
endif
