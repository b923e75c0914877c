// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* TLS, with the checks that Mosquitto's bridge makes and the reasons that it keeps to itself; and bytes, with TLS or without. */
#include "reach.h"
#include "words.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* A server that refuses our certificate in TLS 1.3 says so after the handshake; others begin with a ticket, and some say nothing. */
#define VERDICT_MS 1000

/* ---- what was wrong with a certificate */

static void read_date(const ASN1_TIME *time, char text[32])
{
	struct tm date;

	if (ASN1_TIME_to_tm(time, &date))
		strftime(text, 32, "%Y-%m-%d", &date);
}

/* What stands in a certificate is anybody's word until it is verified, and goes to terminals. */
static void disarm(char *text)
{
	for (; *text; text++)
		if (iscntrl((unsigned char)*text))
			*text = '?';
}

static void read_name(X509_NAME *name, char text[128])
{
	if (X509_NAME_get_text_by_NID(name, NID_commonName, text, 128) <= 0)
		X509_NAME_oneline(name, text, 128);
	disarm(text);
}

/* "" for what is no host. */
static const char *read_host(const GENERAL_NAME *name, char numeric[INET6_ADDRSTRLEN])
{
	int size;

	numeric[0] = '\0';
	if (name->type == GEN_DNS)
		return (const char *)ASN1_STRING_get0_data(name->d.dNSName);
	size = name->type == GEN_IPADD ? ASN1_STRING_length(name->d.iPAddress) : 0;
	if (size == sizeof(struct in_addr) || size == sizeof(struct in6_addr))
		inet_ntop(size == sizeof(struct in_addr) ? AF_INET : AF_INET6,
			ASN1_STRING_get0_data(name->d.iPAddress), numeric, INET6_ADDRSTRLEN);
	return numeric;
}

static void read_hosts(X509 *certificate, char *text, size_t size)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
	size_t used = 0;

	for (int i = 0; i < sk_GENERAL_NAME_num(names) && used < size; i++) {
		char numeric[INET6_ADDRSTRLEN];
		const char *host = read_host(sk_GENERAL_NAME_value(names, i), numeric);

		if (*host)
			used += (size_t)snprintf(text + used, size - used, "%s%s", used ? ", " : "", host);
	}
	disarm(text);
	GENERAL_NAMES_free(names);
}

/* Writes the sentence where the failed check is; OpenSSL keeps only its number. */
static int on_check(int good, X509_STORE_CTX *store)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct reach *reach = SSL_get_app_data(ssl);
	X509 *certificate = X509_STORE_CTX_get_current_cert(store);
	struct words_certificate words = { .code = X509_STORE_CTX_get_error(store), .now = time(NULL) };
	char text[REACH_TEXT_SIZE / 2];

	if (good)
		return 1;
	words.authority = X509_STORE_CTX_get_error_depth(store) > 0;
	if (certificate) {
		read_name(X509_get_subject_name(certificate), words.subject);
		read_name(X509_get_issuer_name(certificate), words.issuer);
		read_date(X509_get0_notBefore(certificate), words.from);
		read_date(X509_get0_notAfter(certificate), words.until);
		read_hosts(certificate, words.names, sizeof words.names);
	}
	words_certificate(&words, text, sizeof text);
	reach_fail(reach, 0, text);
	return 0;
}

/* ---- what is needed before */

static int fail_file(struct reach *reach, const char *key, const char *path)
{
	char text[REACH_TEXT_SIZE / 2];
	unsigned long error = ERR_peek_error();
	const char *reason = ERR_reason_error_string(error);

	if (ERR_SYSTEM_ERROR(error))
		reason = strerror(ERR_GET_REASON(error));
	snprintf(text, sizeof text,
		"%s %.100s cannot be used: %s; give a file that the service bridge can read", key, path,
		reason ? reason : "it has nothing of the kind");
	return reach_fail(reach, -EINVAL, text);
}

static int no_pass_phrase(char *text, int size, int writing, void *userdata)
{
	(void)text;
	(void)size;
	(void)writing;
	(void)userdata;
	return -1; /* a broker that starts by itself has nobody to ask */
}

static const char *value(const char *text)
{
	return *text ? text : NULL;
}

static int load_own_certificate(struct reach *reach)
{
	const struct bridge_conf *conf = reach->conf;

	if (!conf->certfile[0] || reach->as_nobody)
		return 0;
	SSL_CTX_set_default_passwd_cb(reach->context, no_pass_phrase);
	if (SSL_CTX_use_certificate_chain_file(reach->context, conf->certfile) != 1)
		return fail_file(reach, "bridge_certfile", conf->certfile);
	ERR_clear_error();
	if (SSL_CTX_use_PrivateKey_file(reach->context, conf->keyfile, SSL_FILETYPE_PEM) == 1)
		return 0;
	if (ERR_GET_REASON(ERR_peek_error()) == X509_R_KEY_VALUES_MISMATCH ||
		ERR_GET_REASON(ERR_peek_error()) == X509_R_KEY_TYPE_MISMATCH)
		return reach_fail(reach, -EINVAL,
			"bridge_keyfile is not the key of bridge_certfile; give the two that belong together");
	return fail_file(reach, "bridge_keyfile", conf->keyfile);
}

/* The protocols as OpenSSL takes them: each behind its length. */
static int offer_alpn(struct reach *reach)
{
	unsigned char protocols[256];
	size_t length = strlen(reach->conf->alpn);

	if (!length)
		return 0;
	if (length >= sizeof protocols)
		return reach_fail(
			reach, -EINVAL, "bridge_alpn is too long; a protocol has at most 255 bytes");
	protocols[0] = (unsigned char)length;
	memcpy(protocols + 1, reach->conf->alpn, length);
	return SSL_CTX_set_alpn_protos(reach->context, protocols, (unsigned)length + 1) == 0 ? 0 : -ENOMEM;
}

static int load_authorities(struct reach *reach)
{
	const struct bridge_conf *conf = reach->conf;

	ERR_clear_error();
	if (SSL_CTX_load_verify_locations(reach->context, value(conf->cafile), value(conf->capath)) == 1)
		return 0;
	return conf->cafile[0] ? fail_file(reach, "bridge_cafile", conf->cafile)
			       : fail_file(reach, "bridge_capath", conf->capath);
}

static int on_request_for_certificate(SSL *ssl, void *userdata)
{
	(void)userdata;
	((struct reach *)SSL_get_app_data(ssl))->asked_for_certificate = true;
	return 1;
}

static int expect_host(struct reach *reach)
{
	const char *host = reach->address->host;
	struct in6_addr numeric;
	bool is_name = inet_pton(AF_INET, host, &numeric) != 1 && inet_pton(AF_INET6, host, &numeric) != 1;

	if (is_name && SSL_set_tlsext_host_name(reach->ssl, host) != 1)
		return -ENOMEM;
	if (reach->conf->insecure)
		return 0;
	if (is_name)
		return SSL_set1_host(reach->ssl, host) == 1 ? 0 : -ENOMEM;
	return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(reach->ssl), host) == 1 ? 0 : -ENOMEM;
}

/* A machine may be set to be stricter, but not to be laxer. */
static void refuse_old_versions(SSL_CTX *context)
{
	if (SSL_CTX_get_min_proto_version(context) < TLS1_2_VERSION)
		SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
}

static int prepare(struct reach *reach)
{
	int r;

	reach->context = SSL_CTX_new(TLS_client_method());
	if (!reach->context)
		return -ENOMEM;
	refuse_old_versions(reach->context);
	SSL_CTX_set_verify(reach->context, SSL_VERIFY_PEER, on_check);
	SSL_CTX_set_cert_cb(reach->context, on_request_for_certificate, NULL);
	if ((r = load_authorities(reach)) < 0 || (r = load_own_certificate(reach)) < 0 ||
		(r = offer_alpn(reach)) < 0)
		return r;
	reach->ssl = SSL_new(reach->context);
	if (!reach->ssl || SSL_set_fd(reach->ssl, reach->fd) != 1)
		return -ENOMEM;
	SSL_set_app_data(reach->ssl, reach);
	return expect_host(reach);
}

/* ---- the handshake */

/* What the other side said, or did, when OpenSSL gave up. A sentence of on_check() stays. */
static int explain(struct reach *reach, int kind)
{
	unsigned long error = ERR_peek_error();
	const char *text = words_tls(ERR_GET_REASON(error));
	bool bare = reach->asked_for_certificate && (!reach->conf->certfile[0] || reach->as_nobody);

	if (ERR_GET_REASON(error) == SSL_R_CERTIFICATE_VERIFY_FAILED && reach->trouble[0])
		return -EPROTO;
	if (bare && kind != SSL_ERROR_SYSCALL) /* TLS 1.2 has no alert of its own for it */
		text = words_tls(SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED);
	if (text)
		return reach_fail(reach, -EPROTO, text);
	if (kind == SSL_ERROR_SSL && ERR_reason_error_string(error))
		return reach_fail(reach, -EPROTO, ERR_reason_error_string(error));
	return -ECONNRESET;
}

/* One operation of OpenSSL that wants to read or write before it goes on. Returns 0: again; else a negative errno. */
static int wait_for_ssl(struct reach *reach, int result, int64_t deadline_ms)
{
	int kind = SSL_get_error(reach->ssl, result);

	if (kind == SSL_ERROR_WANT_READ)
		return reach_wait(reach, POLLIN, deadline_ms);
	if (kind == SSL_ERROR_WANT_WRITE)
		return reach_wait(reach, POLLOUT, deadline_ms);
	return kind == SSL_ERROR_ZERO_RETURN ? -ECONNRESET : explain(reach, kind);
}

static int shake_hands(struct reach *reach)
{
	int64_t deadline_ms = reach_now_ms() + reach->timeout_ms;
	int result, r = 0;

	do {
		ERR_clear_error();
		result = SSL_connect(reach->ssl);
		if (result != 1)
			r = wait_for_ssl(reach, result, deadline_ms);
	} while (result != 1 && r == 0);
	if (r == -ETIMEDOUT)
		return reach_fail(reach, r,
			"the port takes connections, but does not answer TLS; check that it is one for MQTT "
			"with TLS, and that the broker is not stuck");
	if (r == -ECONNRESET && !reach->trouble[0])
		return reach_fail(reach, r, words_tls(SSL_R_UNEXPECTED_EOF_WHILE_READING));
	return r;
}

/* Waits for what the server thinks of our certificate. Silence is consent. */
static int hear_verdict(struct reach *reach)
{
	int64_t deadline_ms = reach_now_ms() + VERDICT_MS;
	char byte;
	int result, r;

	if (!reach->asked_for_certificate || SSL_version(reach->ssl) < TLS1_3_VERSION)
		return 0;
	r = reach_wait(reach, POLLIN, deadline_ms);
	if (r < 0)
		return 0;
	ERR_clear_error();
	result = SSL_peek(reach->ssl, &byte, 1);
	if (result > 0 || SSL_get_error(reach->ssl, result) == SSL_ERROR_WANT_READ)
		return 0;
	r = wait_for_ssl(reach, result, deadline_ms);
	return r == -ECONNRESET ? reach_fail(reach, r,
					  "the cloud closes the connection when it has seen the certificate "
					  "of this device; check that it is known and active there")
				: r;
}

static void tell_certificate(struct reach *reach)
{
	X509 *certificate = SSL_get1_peer_certificate(reach->ssl);
	char until[32] = "?", subject[128] = "?";

	if (certificate) {
		read_name(X509_get_subject_name(certificate), subject);
		read_date(X509_get0_notAfter(certificate), until);
	}
	X509_free(certificate);
	snprintf(reach->found, sizeof reach->found, "%s, certificate of %s until %s%s",
		SSL_get_version(reach->ssl), subject, until,
		reach->asked_for_certificate ? ", asks for ours" : "");
}

int reach_secure(struct reach *reach)
{
	int r;

	if (!bridge_conf_has_tls(reach->conf)) {
		snprintf(reach->found, sizeof reach->found, "none: no authority is set");
		return 0;
	}
	r = prepare(reach);
	if (r < 0)
		return reach->trouble[0] ? r : reach_fail(reach, r, strerror(-r));
	r = shake_hands(reach);
	if (r == 0)
		r = hear_verdict(reach);
	if (r < 0 && reach->as_nobody && reach->asked_for_certificate)
		r = 0; /* the server's own certificate was found good before that */
	if (r == 0)
		tell_certificate(reach);
	return r;
}

/* ---- bytes */

static int plain_result(const struct reach *reach, ssize_t result, short events, int64_t deadline_ms)
{
	if (result > 0)
		return (int)result;
	if (result == 0)
		return -ECONNRESET;
	if (errno != EAGAIN && errno != EINTR)
		return errno == EPIPE ? -ECONNRESET : -errno;
	return reach_wait(reach, events, deadline_ms);
}

static int read_some(struct reach *reach, void *bytes, int size, int64_t deadline_ms)
{
	int result;

	if (!reach->ssl)
		return plain_result(reach, recv(reach->fd, bytes, (size_t)size, 0), POLLIN, deadline_ms);
	ERR_clear_error();
	result = SSL_read(reach->ssl, bytes, size);
	return result > 0 ? result : wait_for_ssl(reach, result, deadline_ms);
}

static int write_some(struct reach *reach, const void *bytes, int size, int64_t deadline_ms)
{
	int result;

	if (!reach->ssl)
		return plain_result(
			reach, send(reach->fd, bytes, (size_t)size, MSG_NOSIGNAL), POLLOUT, deadline_ms);
	ERR_clear_error();
	result = SSL_write(reach->ssl, bytes, size);
	return result > 0 ? result : wait_for_ssl(reach, result, deadline_ms);
}

int reach_read(struct reach *reach, void *bytes, size_t size, int64_t deadline_ms)
{
	int r;

	reach->trouble[0] = '\0';
	while ((r = read_some(reach, bytes, (int)size, deadline_ms)) == 0)
		;
	return r;
}

int reach_write(struct reach *reach, const void *bytes, size_t size, int64_t deadline_ms)
{
	const char *from = bytes;
	int r = 0;

	reach->trouble[0] = '\0';
	while (size > 0 && (r = write_some(reach, from, (int)size, deadline_ms)) >= 0) {
		from += r;
		size -= (size_t)r;
	}
	return r < 0 ? r : 0;
}
