// SPDX-License-Identifier: GPL-2.0
/*
 * A QEMU plugin that counts the instructions of a guest between two marks, by
 * basic block, so that they can be told apart by function.
 *
 * The guest marks by one of two no-operations of seven octets, which cost it
 * nothing elsewhere. For each pair of marks a header and a line for each kernel
 * block is written to the file given as out=FILE:
 *
 *	run NUMBER kernel INSTRUCTIONS user INSTRUCTIONS blocks N
 *	ADDRESS INSTRUCTIONS
 *
 * Waiting executes nothing and so is not counted. Debian ships no header of
 * the plugin interface; what is used of version 4 is declared here.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t plugin_id;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_plugin_scoreboard;

struct counter {
	struct qemu_plugin_scoreboard *score;
	size_t offset;
};

enum { NO_REGISTERS = 0 };
enum { ADD = 0 };

void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id, void (*cb)(plugin_id, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(struct qemu_plugin_tb *tb, int op,
						       struct counter counter, uint64_t value);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
					    void (*cb)(unsigned int, void *), int flags, void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
size_t qemu_plugin_insn_data(const struct qemu_plugin_insn *insn, void *to, size_t size);
struct qemu_plugin_scoreboard *qemu_plugin_scoreboard_new(size_t size);
void *qemu_plugin_scoreboard_find(struct qemu_plugin_scoreboard *score, unsigned int vcpu);

#define EXPORT __attribute__((visibility("default")))
EXPORT extern int qemu_plugin_version;
EXPORT int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv);
int qemu_plugin_version = 4;

/* Block 0 stands for all of user space. */
#define SLOTS (1u << 18)
static uint64_t addresses[SLOTS];
static uint64_t before[SLOTS];
static unsigned int used;
static struct qemu_plugin_scoreboard *score;
static FILE *out;
static unsigned int runs;
static bool running;

static const uint8_t mark_start[7] = { 0x0f, 0x1f, 0x80, 'V', 'X', 'B', 0x01 };
static const uint8_t mark_end[7] = { 0x0f, 0x1f, 0x80, 'V', 'X', 'E', 0x01 };

static void give_up(const char *why)
{
	fprintf(stderr, "count: %s\n", why);
	exit(1);
}

static size_t slot_of(uint64_t address)
{
	size_t slot;

	if (!(address >> 63))
		return 0;
	slot = (address * 0x9e3779b97f4a7c15ull) >> 46;
	while (!slot || (addresses[slot] && addresses[slot] != address))
		slot = (slot + 1) % SLOTS;
	if (!addresses[slot]) {
		if (++used > SLOTS / 4 * 3)
			give_up("the guest has more code than there is room for");
		addresses[slot] = address;
	}
	return slot;
}

static void start(unsigned int vcpu, void *unused)
{
	(void)unused;
	if (running || vcpu)
		give_up(vcpu ? "there is more than one CPU" : "a run was started within a run");
	memcpy(before, qemu_plugin_scoreboard_find(score, 0), sizeof(before));
	running = true;
}

static void end(unsigned int vcpu, void *unused)
{
	const uint64_t *now = qemu_plugin_scoreboard_find(score, vcpu);
	uint64_t kernel = 0;
	size_t i, blocks = 0;

	(void)unused;
	if (!running)
		give_up("a run was ended that had not started");
	for (i = 1; i < SLOTS; i++) {
		kernel += now[i] - before[i];
		blocks += now[i] != before[i];
	}
	fprintf(out, "run %u kernel %lu user %lu blocks %zu\n", runs, kernel, now[0] - before[0], blocks);
	for (i = 1; i < SLOTS; i++)
		if (now[i] != before[i])
			fprintf(out, "%lx %lu\n", addresses[i], now[i] - before[i]);
	fflush(out);
	runs++;
	running = false;
}

static void translated(plugin_id id, struct qemu_plugin_tb *tb)
{
	size_t i, insns = qemu_plugin_tb_n_insns(tb);
	struct counter counter = { score, slot_of(qemu_plugin_tb_vaddr(tb)) * sizeof(uint64_t) };
	uint8_t octets[7];

	(void)id;
	qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(tb, ADD, counter, insns);
	/* Marks are in user space. */
	for (i = 0; i < insns && !counter.offset; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);

		if (qemu_plugin_insn_data(insn, octets, sizeof(octets)) != sizeof(octets))
			continue;
		if (!memcmp(octets, mark_start, sizeof(octets)))
			qemu_plugin_register_vcpu_insn_exec_cb(insn, start, NO_REGISTERS, NULL);
		if (!memcmp(octets, mark_end, sizeof(octets)))
			qemu_plugin_register_vcpu_insn_exec_cb(insn, end, NO_REGISTERS, NULL);
	}
}

EXPORT int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv)
{
	(void)info;
	if (argc != 1 || strncmp(argv[0], "out=", 4))
		give_up("it takes one argument, out=FILE");
	out = fopen(argv[0] + 4, "w");
	if (!out)
		give_up("the file for what was counted cannot be written");
	score = qemu_plugin_scoreboard_new(sizeof(before));
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}
