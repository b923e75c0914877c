// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* Nothing in the manifest is looked at before its signature is known to be good. */
#include "bundle.h"
#include "reason.h"
#include "update-part.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC "DEVBUS-IMAGE 1 "
#define MANIFEST_BYTES_MAX ((size_t)64 << 10)

struct manifest {
	char version[VERSION_MAX + 1];
	char compatible[COMPATIBLE_SIZE];
	uint64_t size;
	char sha256[SHA256_TEXT_SIZE];
};

static const struct devbus_field manifest_fields[] = {
	DEVBUS_FIELD(struct manifest, version, .flags = DEVBUS_REQUIRED, .min = 1, .max = VERSION_MAX),
	DEVBUS_FIELD(
		struct manifest, compatible, .flags = DEVBUS_REQUIRED, .min = 1, .max = COMPATIBLE_SIZE - 1),
	DEVBUS_FIELD(struct manifest, size, .flags = DEVBUS_REQUIRED),
	DEVBUS_FIELD(struct manifest, sha256, .flags = DEVBUS_REQUIRED, .min = 64, .max = 64),
	{ 0 },
};

/* ---- the head: magic, size, signature */

struct head {
	char text[192];
	size_t size; /* of the line, with its end */
	size_t manifest_bytes;
	unsigned char signature[SIGNATURE_BYTES];
};

static int hex_digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *found = c ? strchr(digits, c) : NULL;
	return found ? (int)(found - digits) : -1;
}

static int parse_signature(const char *text, unsigned char ret_bytes[SIGNATURE_BYTES])
{
	for (size_t i = 0; i < SIGNATURE_BYTES; i++) {
		int high = hex_digit(text[2 * i]), low = high < 0 ? -1 : hex_digit(text[2 * i + 1]);
		if (low < 0)
			return -EBADMSG;
		ret_bytes[i] = (unsigned char)(high << 4 | low);
	}
	return text[2 * (size_t)SIGNATURE_BYTES] == '\n' ? 0 : -EBADMSG;
}

static int parse_head(struct head *head)
{
	char *rest = head->text + strlen(MAGIC), *end;
	if (strncmp(head->text, MAGIC, strlen(MAGIC)) != 0 || *rest < '1' || *rest > '9')
		return -EBADMSG;
	errno = 0;
	unsigned long size = strtoul(rest, &end, 10);
	if (errno || size > MANIFEST_BYTES_MAX || *end != ' ')
		return -EBADMSG;
	head->manifest_bytes = size;
	head->size = (size_t)(end - head->text) + 1 + 2 * (size_t)SIGNATURE_BYTES + 1;
	return parse_signature(end + 1, head->signature);
}

static int read_head(int fd, struct head *ret_head, struct devbus_error *ret_error)
{
	ssize_t n = pread(fd, ret_head->text, sizeof(ret_head->text) - 1, 0);
	if (n < 0)
		return reason_set(
			ret_error, -errno, DEVBUS_E_IO_ERROR, "reading the image: %s", strerror(errno));
	ret_head->text[n] = '\0';
	if (parse_head(ret_head) < 0)
		return reason_set(ret_error, -EBADMSG, DEVBUS_E_SIGNATURE,
			"it is not a signed image: no head %s", MAGIC);
	return 0;
}

/* ---- the signature */

static bool is_pem(const char *name)
{
	size_t size = strlen(name);
	return size >= 4 && strcmp(name + size - 4, ".pem") == 0;
}

/* 1, 0, or a negative errno: it is no key that can be read. */
static int try_key(const struct update_part *part, int folder, const char *name, const struct head *head,
	const char *manifest)
{
	int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
	int r = file ? part->signature_fits(file, head->signature, manifest, head->manifest_bytes) : -errno;
	if (file)
		fclose(file);
	else if (fd >= 0)
		close(fd);
	if (r < 0)
		devbus_log(DEVBUS_LOG_WARNING, "%s: no public key of Ed25519 in PEM form: passed over", name);
	return r;
}

/* Returns how many keys were tried in vain, or -1 if one of them fits. */
static int try_keys(const struct update_part *part, DIR *keys, const struct head *head, const char *manifest)
{
	int tried = 0;
	for (const struct dirent *entry; tried >= 0 && (entry = readdir(keys));) {
		int r = is_pem(entry->d_name) ? try_key(part, dirfd(keys), entry->d_name, head, manifest)
					      : -ENOKEY;
		if (r >= 0)
			tried = r > 0 ? -1 : tried + 1;
	}
	return tried;
}

static int verify(
	const char *keys_dir, const struct head *head, const char *manifest, struct devbus_error *ret_error)
{
	const struct update_part *part;
	int r = update_part(&part);
	if (r < 0)
		return reason_errno(ret_error, r, UPDATE_PART_FILE);
	DIR *keys = opendir(keys_dir);
	if (!keys)
		return reason_set(ret_error, -errno, DEVBUS_E_SIGNATURE,
			"%s: %s; put the public keys that are trusted there", keys_dir, strerror(errno));
	int tried = try_keys(part, keys, head, manifest);
	closedir(keys);
	if (tried == 0)
		return reason_set(ret_error, -ENOKEY, DEVBUS_E_SIGNATURE,
			"%s: there is no public key, *.pem; nothing can be trusted", keys_dir);
	if (tried > 0)
		return reason_set(ret_error, -EKEYREJECTED, DEVBUS_E_SIGNATURE,
			"the signature fits none of the %d keys in %s", tried, keys_dir);
	return 0;
}

/* ---- the manifest */

static int parse_manifest(
	const char *text, size_t size, struct backend_image *ret_image, struct devbus_error *ret_error)
{
	struct devbus_json *object = NULL;
	struct manifest manifest;
	int r = devbus_json_parse(text, size, &object, ret_error);
	if (r == 0)
		r = devbus_fields_read(manifest_fields, object, &manifest, ret_error);
	devbus_json_free(object);
	if (r < 0) /* signed by mistake: whoever signs must look at it, so it is no wrong argument of the command */
		return reason_set(ret_error, r, DEVBUS_E_SIGNATURE, "the signed manifest cannot be read");
	memset(ret_image, 0, sizeof(*ret_image));
	snprintf(ret_image->version, sizeof(ret_image->version), "%s", manifest.version);
	snprintf(ret_image->compatible, sizeof(ret_image->compatible), "%s", manifest.compatible);
	snprintf(ret_image->sha256, sizeof(ret_image->sha256), "%s", manifest.sha256);
	ret_image->bytes = manifest.size;
	return 0;
}

static int check_size(int fd, const struct bundle *bundle, struct devbus_error *ret_error)
{
	struct stat status;
	if (fstat(fd, &status) < 0)
		return reason_set(ret_error, -errno, DEVBUS_E_IO_ERROR, "the image: %s", strerror(errno));
	uint64_t size = (uint64_t)status.st_size - (uint64_t)bundle->offset;
	if (size != bundle->image.bytes)
		return reason_set(ret_error, -EBADMSG, DEVBUS_E_CHECKSUM,
			"the image has %" PRIu64 " bytes, its manifest says %" PRIu64, size,
			bundle->image.bytes);
	return 0;
}

int bundle_read(int fd, const char *keys_dir, struct bundle *ret_bundle, struct devbus_error *ret_error)
{
	struct head head;
	struct bundle bundle;
	int r = read_head(fd, &head, ret_error);
	if (r < 0)
		return r;
	char *manifest = malloc(head.manifest_bytes);
	if (!manifest)
		return reason_set(ret_error, -ENOMEM, DEVBUS_E_INTERNAL, "out of memory");
	bundle.offset = (off_t)(head.size + head.manifest_bytes);
	if (pread(fd, manifest, head.manifest_bytes, (off_t)head.size) != (ssize_t)head.manifest_bytes)
		r = reason_set(ret_error, -EBADMSG, DEVBUS_E_SIGNATURE, "the image ends in its manifest");
	if (r == 0)
		r = verify(keys_dir, &head, manifest, ret_error);
	if (r == 0)
		r = parse_manifest(manifest, head.manifest_bytes, &bundle.image, ret_error);
	if (r == 0)
		r = check_size(fd, &bundle, ret_error);
	free(manifest);
	if (r == 0)
		*ret_bundle = bundle;
	return r;
}
