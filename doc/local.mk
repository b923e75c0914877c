# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
#
# The documents, and the example that they explain: compiled by `make check` against the public headers alone, so
# that what a reader copies works. Manual pages of a program stand beside the program, in its own local.mk.

dist_doc_DATA += \
	%D%/api-promise.md \
	%D%/architecture.md \
	%D%/broker.md \
	%D%/clouds.md \
	%D%/cross-compiling.md \
	%D%/dependencies.md \
	%D%/firmware.md \
	%D%/performance.md \
	%D%/protocol.md \
	%D%/rights.md \
	%D%/sensors.md \
	%D%/writing-a-service.md
dist_man_MANS += %D%/man/devbus.conf.5 %D%/man/devbus.7

docdesigndir = $(docdir)/design
dist_docdesign_DATA = %D%/design/link.md

docperformancedir = $(docdir)/performance
dist_docperformance_DATA = \
	%D%/performance/figures.csv \
	%D%/performance/figures.md \
	%D%/performance/chatter.svg \
	%D%/performance/durable.svg \
	%D%/performance/echo.svg \
	%D%/performance/events.svg \
	%D%/performance/fan-out.svg \
	%D%/performance/reconnect.svg \
	%D%/performance/subscriptions.svg

docexamplesdir = $(docdir)/examples
dist_docexamples_DATA = %D%/examples/fand.c %D%/examples/fand-config.c
dist_docexamples_SCRIPTS = %D%/examples/alarms-to.sh %D%/examples/readings-to-sqlite.py

check_PROGRAMS += %D%/examples/fand %D%/examples/fand-config
%C%_examples_fand_CPPFLAGS = -I$(top_srcdir)/include
%C%_examples_fand_LDADD = libdevbus/libdevbus.la
%C%_examples_fand_config_CPPFLAGS = -I$(top_srcdir)/include
%C%_examples_fand_config_LDADD = libdevbus/libdevbus.la
