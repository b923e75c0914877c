// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* Which cause is named for what, and that there is a sentence for all that a server can answer. */
#include "../../services/reach/words.h"
#include "unit.h"

#include <errno.h>
#include <netdb.h>
#include <openssl/sslerr.h>
#include <openssl/x509_vfy.h>
#include <string.h>

static const struct {
	int code;
	bool private_bit;
	const char *says;
} connacks[] = {
	{ 1, false, "bridge_protocol_version" },
	{ 1, true, "try_private false" },
	{ 2, false, "client id" },
	{ 3, false, "try later" },
	{ 4, false, "password" },
	{ 5, false, "not authorised" },
	{ 6, false, "a code that MQTT 3.1.1 does not have" },
	{ 255, true, "a code that MQTT 3.1.1 does not have" },
};

START_TEST(test_connack)
{
	ck_assert_ptr_nonnull(
		strstr(words_connack(connacks[_i].code, connacks[_i].private_bit), connacks[_i].says));
}
END_TEST

#define DAY 86400

static const struct {
	struct words_certificate certificate;
	const char *says;
} certificates[] = {
	{ { .code = X509_V_ERR_CERT_HAS_EXPIRED, .until = "2021-01-01", .now = REACH_BUILT + DAY },
		"the certificate of the cloud has expired: it was valid until 2021-01-01" },
	{ { .code = X509_V_ERR_CERT_HAS_EXPIRED, .authority = true, .subject = "Root 1", .now = REACH_BUILT },
		"the certificate of the authority Root 1 has expired" },
	{ { .code = X509_V_ERR_CERT_NOT_YET_VALID, .from = "2039-01-01", .now = REACH_BUILT + DAY },
		"is valid from 2039-01-01 only, and the clock of this device says" },
	{ { .code = X509_V_ERR_CERT_NOT_YET_VALID, .from = "2025-01-01", .now = 0 },
		"the clock of this device is not set: it says 1970-01-01" },
	{ { .code = X509_V_ERR_CERT_NOT_YET_VALID, .now = REACH_BUILT - 1 }, "is not set" },
	{ { .code = X509_V_ERR_CERT_NOT_YET_VALID, .now = REACH_BUILT }, "check the clock first" },
	{ { .code = X509_V_ERR_HOSTNAME_MISMATCH, .names = "a.example, b.example" },
		"is for another host: a.example, b.example;" },
	{ { .code = X509_V_ERR_IP_ADDRESS_MISMATCH, .subject = "a.example" },
		"is for another host: a.example;" },
	{ { .code = X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, .subject = "me" }, "signed by itself ('me')" },
	{ { .code = X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, .issuer = "Corp CA" },
		"signed by an unknown authority, 'Corp CA'" },
	{ { .code = X509_V_ERR_CERT_REVOKED }, "is not accepted: certificate revoked" },
};

START_TEST(test_certificate)
{
	char text[512], small[8];

	words_certificate(&certificates[_i].certificate, text, sizeof text);
	ck_assert_msg(strstr(text, certificates[_i].says) != NULL, "%s", text);
	words_certificate(&certificates[_i].certificate, small, sizeof small);
	ck_assert_uint_eq(strlen(small), sizeof small - 1);
}
END_TEST

START_TEST(test_tls)
{
	static const struct {
		int reason;
		const char *says;
	} rows[] = {
		{ SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED, "none was shown" },
		{ SSL_R_TLSV1_ALERT_UNKNOWN_CA, "authority" },
		{ SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED, "expired" },
		{ SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED, "revoked" },
		{ SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL, "bridge_alpn" },
		{ SSL_R_WRONG_VERSION_NUMBER, "no TLS" },
	};

	for (int i = 0; i < LENGTH(rows); i++) {
		const char *text = words_tls(rows[i].reason);

		ck_assert_ptr_nonnull(text);
		ck_assert_ptr_nonnull(strstr(text, rows[i].says));
	}
	ck_assert_ptr_null(words_tls(0));
}
END_TEST

START_TEST(test_network)
{
	ck_assert_ptr_nonnull(strstr(words_tcp(ECONNREFUSED), "nothing listens"));
	ck_assert_ptr_nonnull(strstr(words_tcp(ETIMEDOUT), "firewall"));
	ck_assert_ptr_nonnull(strstr(words_tcp(ENETUNREACH), "no uplink"));
	ck_assert_str_eq(words_tcp(EMFILE), strerror(EMFILE));
	ck_assert_ptr_nonnull(strstr(words_resolver(EAI_NONAME, 0), "no such host"));
	ck_assert_ptr_nonnull(strstr(words_resolver(EAI_AGAIN, 0), "no answer"));
	ck_assert_str_eq(words_resolver(EAI_SYSTEM, ENOMEM), strerror(ENOMEM));
	ck_assert_str_eq(words_resolver(EAI_FAMILY, 0), gai_strerror(EAI_FAMILY));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("words");
	TCase *tcase = tcase_create("words");

	tcase_add_loop_test(tcase, test_connack, 0, LENGTH(connacks));
	tcase_add_loop_test(tcase, test_certificate, 0, LENGTH(certificates));
	tcase_add_test(tcase, test_tls);
	tcase_add_test(tcase, test_network);
	suite_add_tcase(suite, tcase);
	return unit_main(suite);
}
