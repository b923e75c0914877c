# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
#
# The way to the cloud and what is wrong with it: for the service bridge and for devbus-cloud-test.

noinst_LTLIBRARIES += %D%/libreach.la
%C%_libreach_la_SOURCES = \
	%D%/bridge-conf.c %D%/bridge-conf.h \
	%D%/reach.c %D%/reach.h \
	%D%/reach-tls.c \
	%D%/words.c %D%/words.h
%C%_libreach_la_CPPFLAGS = $(AM_CPPFLAGS) $(TLS_CFLAGS) -DREACH_BUILT=$(build_time_s)
%C%_libreach_la_LIBADD = $(TLS_LIBS)

if HAVE_CHECK
check_PROGRAMS += tests/unit/test-bridge-conf tests/unit/test-reach tests/unit/test-words
TESTS += tests/unit/test-bridge-conf tests/unit/test-reach tests/unit/test-words
endif
tests_unit_test_bridge_conf_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_bridge_conf_LDADD = %D%/libreach.la $(CHECK_LIBS)
tests_unit_test_reach_CPPFLAGS = $(AM_CPPFLAGS) $(TLS_CFLAGS)
tests_unit_test_reach_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_reach_LDADD = %D%/libreach.la $(CHECK_LIBS)
tests_unit_test_words_CPPFLAGS = $(AM_CPPFLAGS) -DREACH_BUILT=$(build_time_s)
tests_unit_test_words_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_words_LDADD = %D%/libreach.la $(CHECK_LIBS)

# The time of the build is one of configure's words: after another run of it, both have to be of that one.
%D%/libreach_la-words.lo tests/unit/test_words-test-words.$(OBJEXT): config.status
