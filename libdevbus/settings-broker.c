// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * What a connection needs in a form of its own: the broker's address in two parts, and the password, which is kept
 * out of the settings because those are world-readable and shown in logs.
 */
#include "error.h"
#include "settings-file.h"
#include "settings.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HOST_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_"

static int read_port(const char *text, uint16_t *ret_port)
{
	unsigned port = 0;
	size_t digits = strspn(text, "0123456789");

	if (digits < 1 || digits > 5 || text[digits] != '\0')
		return -EINVAL;
	for (; *text; text++)
		port = port * 10 + (unsigned)(*text - '0');
	if (port < 1 || port > UINT16_MAX)
		return -EINVAL;
	*ret_port = (uint16_t)port;
	return 0;
}

int settings_split_address(const char *address, char *ret_host, size_t host_size, uint16_t *ret_port)
{
	bool bracket = *address == '[';
	const char *host = address + bracket;
	/* Inside brackets also what an IPv6 address with a zone has. */
	size_t size = strspn(host, bracket ? HOST_CHARACTERS ":%" : HOST_CHARACTERS);
	const char *rest = host + size;
	uint16_t port;

	if (bracket && *rest++ != ']')
		return -EINVAL;
	if (size == 0 || size >= host_size || *rest != ':' || read_port(rest + 1, &port) < 0)
		return -EINVAL;
	memcpy(ret_host, host, size);
	ret_host[size] = '\0';
	*ret_port = port;
	return 0;
}

/* ---- the password */

/* MQTT takes up to 65535 bytes; nobody types more than this. */
#define PASSWORD_MAX 1024

static int check_file(int fd)
{
	struct stat status;

	if (fstat(fd, &status) < 0)
		return -errno;
	if (!S_ISREG(status.st_mode))
		return -ENOTSUP;
	return status.st_mode & S_IRWXO ? -EPERM : 0;
}

static int read_start(int fd, char *text, size_t size, size_t *ret_size)
{
	size_t done = 0;
	ssize_t n;

	while (done < size && (n = read(fd, text + done, size - done)) != 0) {
		if (n > 0)
			done += (size_t)n;
		else if (errno != EINTR)
			return -errno;
	}
	*ret_size = done;
	return 0;
}

/* The first line of @text. */
static int take_line(const char *text, size_t size, char *ret_password, size_t password_size)
{
	const char *end = memchr(text, '\n', size);
	size_t length = end ? (size_t)(end - text) : size;

	if (length > 0 && text[length - 1] == '\r')
		length--;
	if (length == 0 || memchr(text, '\0', length))
		return -EINVAL;
	if (length > PASSWORD_MAX || length >= password_size)
		return -EMSGSIZE;
	memcpy(ret_password, text, length);
	ret_password[length] = '\0';
	return 0;
}

static int read_password(int fd, char *ret_password, size_t password_size)
{
	char text[PASSWORD_MAX + 3]; /* the line's end, and one byte to tell what is too long */
	size_t size = 0;
	int r = check_file(fd);

	if (r < 0)
		return r;
	r = read_start(fd, text, sizeof(text), &size);
	if (r == 0)
		r = take_line(text, size, ret_password, password_size);
	explicit_bzero(text, sizeof(text));
	return r;
}

static const char *remedy(int error)
{
	switch (error) {
	case ENOENT:
		return "not there: make it with devbus-provision, or mend password_file";
	case EACCES:
		return "not readable for this user: give it the right to read, or run as another user";
	case EPERM:
		return "others may use this password: take their rights away with chmod o=";
	case EINVAL:
		return "the first line is empty or no text: write the password there";
	case EMSGSIZE:
		return "the password is too long";
	case ENOTSUP:
		return "not a file: mend password_file";
	default:
		return strerror(error);
	}
}

int settings_password(
	const struct settings *settings, char *ret_password, size_t size, struct devbus_error *ret_error)
{
	const char *path = settings->password_file;
	int fd, r;

	if (!*path) {
		*ret_password = '\0';
		return 0;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	r = fd < 0 ? -errno : read_password(fd, ret_password, size);
	if (fd >= 0)
		close(fd);
	if (r < 0)
		error_set(ret_error, DEVBUS_E_IO_ERROR, "%s: %s", settings_place(path), remedy(-r));
	return r;
}
