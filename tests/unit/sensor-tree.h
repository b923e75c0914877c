// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* A machine's files in a temporary folder, from a description in tests/data/sensor-root/ (see its README). */
#ifndef DEVBUS_TEST_SENSOR_TREE_H
#define DEVBUS_TEST_SENSOR_TREE_H

struct sensor_tree {
	char path[64];
	int root; /* fd of it */
};

/* An empty one, or one with what @board ("arm-gateway") has. Ends the test if it cannot be made. */
void tree_make(struct sensor_tree *tree, const char *board);
void tree_remove(struct sensor_tree *tree);

/* Puts a file, with the folders it needs, in place of what is there. @text gets a newline. */
void tree_write(const struct sensor_tree *tree, const char *path, const char *text);
void tree_append(const struct sensor_tree *tree, const char *path, const char *text);
void tree_link(const struct sensor_tree *tree, const char *path, const char *target);
void tree_fifo(const struct sensor_tree *tree, const char *path);
void tree_delete(const struct sensor_tree *tree, const char *path); /* with all below */
void tree_rename(const struct sensor_tree *tree, const char *from, const char *to);

#endif
