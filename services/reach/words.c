// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* Tables, since each sentence was once a riddle that somebody had to solve in the field. */
#include "words.h"

#include <errno.h>
#include <netdb.h>
#include <openssl/sslerr.h>
#include <openssl/x509_vfy.h>
#include <stdio.h>
#include <string.h>

struct row {
	int code;
	const char *text;
};

static const char *find(const struct row *rows, int code)
{
	for (; rows->text; rows++)
		if (rows->code == code)
			return rows->text;
	return NULL;
}

/* ---- the way there */

const char *words_resolver(int code, int error)
{
	static const struct row rows[] = {
		{ EAI_NONAME,
			"no such host is known to DNS; check the name, and the name servers of this device" },
#ifdef EAI_NODATA
		{ EAI_NODATA, "the name is known to DNS, but has no address; check the name" },
#endif
		{ EAI_AGAIN, "DNS gives no answer; check that this device is on the network, and its name "
			     "servers" },
		{ EAI_FAIL, "the name server refuses to answer; check the name servers of this device" },
		{ 0 },
	};
	const char *text = find(rows, code);

	if (text)
		return text;
	return code == EAI_SYSTEM ? strerror(error) : gai_strerror(code);
}

const char *words_tcp(int error)
{
	static const struct row rows[] = {
		{ ECONNREFUSED, "nothing listens on this port; check the port, and that the broker runs" },
		{ ETIMEDOUT, "no answer on this port; the host is off, or a firewall on the way swallows the "
			     "packets" },
		{ ENETUNREACH, "there is no way into this network; this device has no uplink, or no route" },
		{ EHOSTUNREACH, "the host cannot be reached; it is off, or a router on the way refuses" },
		{ ECONNRESET,
			"the connection was torn down at once; a firewall or a proxy on the way does so" },
		{ EACCES, "a firewall of this device forbids the connection; allow it" },
		{ EPERM, "a firewall of this device forbids the connection; allow it" },
		{ 0 },
	};
	const char *text = find(rows, error);

	return text ? text : strerror(error);
}

/* ---- certificates of the server's side */

static void put_date(time_t time, char text[32])
{
	struct tm date;

	if (!gmtime_r(&time, &date) || !strftime(text, 32, "%Y-%m-%d", &date))
		text[0] = '\0';
}

static void put_expired(
	const struct words_certificate *certificate, const char *whose, char *text, size_t size)
{
	char now[32];

	put_date(certificate->now, now);
	snprintf(text, size,
		"%s has expired: it was valid until %s, and the clock says %s; its owner has to renew it",
		whose, certificate->until, now);
}

/* Its own case, because it is what happens to a device whose clock has no battery. */
static void put_not_yet(
	const struct words_certificate *certificate, const char *whose, char *text, size_t size)
{
	char now[32];

	put_date(certificate->now, now);
	if (certificate->now < REACH_BUILT)
		snprintf(text, size,
			"the clock of this device is not set: it says %s, which is before devbus was built; set "
			"it (NTP), else no certificate can be checked (%s is valid from %s)",
			now, whose, certificate->from);
	else
		snprintf(text, size,
			"%s is valid from %s only, and the clock of this device says %s; check the clock first",
			whose, certificate->from, now);
}

static void put_host(const struct words_certificate *certificate, const char *whose, char *text, size_t size)
{
	snprintf(text, size,
		"%s is for another host: %s; give the address as it is in the certificate, or somebody else "
		"answers in the place of the cloud",
		whose, certificate->names[0] ? certificate->names : certificate->subject);
}

static void put_unknown(
	const struct words_certificate *certificate, const char *whose, char *text, size_t size)
{
	snprintf(text, size,
		"%s is signed by an unknown authority, '%s'; its certificate has to be in the file of authorities",
		whose, certificate->issuer);
}

static void put_self_signed(
	const struct words_certificate *certificate, const char *whose, char *text, size_t size)
{
	snprintf(text, size,
		"%s is signed by itself ('%s'), not by a known authority; the cloud needs another, or this one "
		"has to be in the file of authorities",
		whose, certificate->subject);
}

static void put_other(const struct words_certificate *certificate, const char *whose, char *text, size_t size)
{
	snprintf(text, size, "%s is not accepted: %s", whose,
		X509_verify_cert_error_string(certificate->code));
}

void words_certificate(const struct words_certificate *certificate, char *text, size_t size)
{
	static const struct {
		int code;
		void (*put)(const struct words_certificate *certificate, const char *whose, char *text,
			size_t size);
	} rows[] = {
		{ X509_V_ERR_CERT_HAS_EXPIRED, put_expired },
		{ X509_V_ERR_CERT_NOT_YET_VALID, put_not_yet },
		{ X509_V_ERR_HOSTNAME_MISMATCH, put_host },
		{ X509_V_ERR_IP_ADDRESS_MISMATCH, put_host },
		{ X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, put_self_signed },
		{ X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, put_unknown },
		{ X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, put_unknown },
		{ X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, put_unknown },
		{ X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, put_unknown },
		{ X509_V_ERR_CERT_SIGNATURE_FAILURE, put_unknown },
	};
	char whose[192];

	snprintf(whose, sizeof whose, "the certificate of %s%s",
		certificate->authority ? "the authority " : "the cloud",
		certificate->authority ? certificate->subject : "");
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (rows[i].code == certificate->code) {
			rows[i].put(certificate, whose, text, size);
			return;
		}
	put_other(certificate, whose, text, size);
}

/* ---- TLS: alerts of the server, and what is no TLS at all */

const char *words_tls(int reason)
{
	static const struct row rows[] = {
		{ SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED,
			"the cloud asks for a certificate of this device, and none was shown; give "
			"--cloud-certfile and --cloud-keyfile to devbus-provision" },
		{ SSL_R_TLSV1_ALERT_UNKNOWN_CA,
			"the cloud refuses the certificate of this device: it does not know the authority "
			"that signed it; have it signed by one that the cloud knows" },
		{ SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED,
			"the cloud refuses the certificate of this device: it has expired; renew it" },
		{ SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED,
			"the cloud refuses the certificate of this device: it was revoked; get a new "
			"one" },
		{ SSL_R_SSLV3_ALERT_BAD_CERTIFICATE,
			"the cloud refuses the certificate of this device as bad; check that it is "
			"registered, active and valid there" },
		{ SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN,
			"the cloud refuses the certificate of this device; check that it is registered "
			"and active there" },
		{ SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE,
			"the cloud cannot use the certificate of this device; check its kind of key, and "
			"that it is one for clients" },
		{ SSL_R_TLSV1_ALERT_DECRYPT_ERROR,
			"the cloud refuses what was signed with the key of this device; check that "
			"bridge_keyfile belongs to bridge_certfile" },
		{ SSL_R_TLSV1_ALERT_ACCESS_DENIED,
			"the cloud denies access to the certificate of this device; check its rights "
			"there" },
		{ SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL,
			"the cloud refuses the protocol of ALPN; check bridge_alpn, and that this port "
			"wants it" },
		{ SSL_R_TLSV1_UNRECOGNIZED_NAME,
			"the cloud does not know itself by this host name (SNI); check the "
			"address" },
		{ SSL_R_WRONG_VERSION_NUMBER, "no TLS is spoken on this port; check the port, or leave out "
					      "bridge_cafile and bridge_capath" },
		{ SSL_R_HTTP_REQUEST, "a web server answers on this port; check the port" },
		{ SSL_R_TLSV1_ALERT_PROTOCOL_VERSION,
			"the cloud speaks another version of TLS only; it needs TLS 1.2 or "
			"1.3" },
		{ SSL_R_UNSUPPORTED_PROTOCOL,
			"the cloud speaks an old version of TLS only; it needs TLS 1.2 or "
			"1.3" },
		{ SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE,
			"the cloud and this device have no way of TLS in common; check what "
			"ciphers and keys the cloud takes" },
		{ SSL_R_UNEXPECTED_EOF_WHILE_READING,
			"the connection was closed in the midst of the TLS handshake; check "
			"that the port is one for MQTT with TLS" },
		{ 0 },
	};

	return find(rows, reason);
}

/* ---- MQTT */

const char *words_connack(int code, bool private_bit)
{
	static const struct row rows[] = {
		{ 1, "the cloud does not take this version of MQTT; set bridge_protocol_version to one that it "
		     "takes" },
		{ 2, "the cloud refuses the client id; check remote_clientid, and that the device is known there" },
		{ 3, "the cloud's broker says that it is not available; it starts, or is overloaded: try later" },
		{ 4, "the cloud refuses the user name or the password; check remote_username and "
		     "remote_password" },
		{ 5, "the cloud refuses this device (not authorised): the user name, the password or the client "
		     "id is wrong, or has no right to connect" },
		{ 0 },
	};
	const char *text = find(rows, code);

	if (code == 1 && private_bit)
		return "the cloud refuses the version of MQTT: most take no private bit of a bridge; set "
		       "try_private false";
	return text ? text : "the cloud refuses the connection with a code that MQTT 3.1.1 does not have";
}
