// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of the hash of tables: keys that follow each other, as stations and
 * networks do, spread over the buckets, and a new seed breaks up what came
 * together. Prints "N passed, N failed".
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

typedef uint32_t u32;
typedef uint64_t u64;

#include "../../../net/shim_hash.h"

#define BUCKETS 256
#define KEYS (BUCKETS * 3 / 4)
/* The chain at which rhashtable takes a table for attacked, RHT_ELASTICITY. */
#define LONG_CHAIN 16
#define SECRETS 6000

static u64 state = 1;

/* splitmix64: the same secrets in each run. */
static u64 draw(void)
{
	u64 word = state += 0x9e3779b97f4a7c15;

	word = (word ^ (word >> 30)) * 0xbf58476d1ce4e5b9;
	word = (word ^ (word >> 27)) * 0x94d049bb133111eb;
	return word ^ (word >> 31);
}

/* The words of a key as fdb.rs makes them of an address and a VNI. */
static void station(u32 *key, u64 address, u32 vni)
{
	unsigned char octets[8] = { address >> 40, address >> 32, address >> 24,
				    address >> 16, address >> 8, address };

	memcpy(key, octets, sizeof(octets));
	key[2] = vni;
}

static void by_address(u32 *key, u32 number) { station(key, 0x020000000000 + number, 42); }
static void by_vendor(u32 *key, u32 number) { station(key, 0x020000000000 + ((u64)number << 24), 42); }
static void by_stride(u32 *key, u32 number) { station(key, 0x020000000000 + number * 256, 42); }
static void by_vni(u32 *key, u32 number) { station(key, 0x020000000001, number); }

static u32 longest_chain(void (*make)(u32 *key, u32 number), u32 seed, const u64 *secret)
{
	u32 chains[BUCKETS] = {}, longest = 0, number;

	for (number = 0; number < KEYS; number++) {
		u32 key[SHIM_KEY_WORDS], *chain;

		make(key, number);
		chain = &chains[shim_hash(key, seed, secret) % BUCKETS];
		if (++*chain > longest)
			longest = *chain;
	}
	return longest;
}

/* Whether no secret of many makes a long chain, with any of two seeds. */
static bool spreads(const char *name, void (*make)(u32 *key, u32 number))
{
	u32 trial, word, bad = 0;

	for (trial = 0; trial < SECRETS; trial++) {
		u64 secret[SHIM_SECRET_WORDS];

		for (word = 0; word < SHIM_SECRET_WORDS; word++)
			secret[word] = draw();
		bad += longest_chain(make, draw(), secret) >= LONG_CHAIN;
		bad += longest_chain(make, draw(), secret) >= LONG_CHAIN;
	}
	printf("%s %s: %u long chains in %u tables\n", bad ? "FAIL" : "ok  ", name, bad, 2 * SECRETS);
	return !bad;
}

/* Whether keys that share a bucket part when the seed changes. */
static bool reseeds(void)
{
	u32 together = 0, still = 0, trial;

	for (trial = 0; trial < 1000000; trial++) {
		u32 first[SHIM_KEY_WORDS], second[SHIM_KEY_WORDS], seed = draw(), other = draw();
		u64 secret[SHIM_SECRET_WORDS] = { draw(), draw(), draw(), draw(), draw() };

		by_address(first, trial);
		by_address(second, trial + 1 + (u32)(draw() % KEYS));
		if ((shim_hash(first, seed, secret) ^ shim_hash(second, seed, secret)) % BUCKETS)
			continue;
		together++;
		still += !((shim_hash(first, other, secret) ^ shim_hash(second, other, secret)) % BUCKETS);
	}
	/* One in BUCKETS is chance. */
	printf("%s a new seed: %u of %u pairs stay together\n",
	       still * BUCKETS < 2 * together ? "ok  " : "FAIL", still, together);
	return together && still * BUCKETS < 2 * together;
}

int main(void)
{
	int passed = 0, tests = 5;

	passed += spreads("addresses one after the other", by_address);
	passed += spreads("addresses that differ in the vendor", by_vendor);
	passed += spreads("addresses 256 apart", by_stride);
	passed += spreads("one address in many networks", by_vni);
	passed += reseeds();
	printf("%d passed, %d failed\n", passed, tests - passed);
	return passed != tests;
}
