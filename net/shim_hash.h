/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The hash of net/table.rs. By itself, as the host's tests compile it too
 * (tools/testing/host/hash.c).
 */
#ifndef VXLAN_RS_SHIM_HASH_H
#define VXLAN_RS_SHIM_HASH_H

/* Words of a key, and of the secret. */
#define SHIM_KEY_WORDS		3
#define SHIM_SECRET_WORDS	5

/*
 * A multilinear hash (Lemire and Kaser, "Strongly universal string hashing is
 * fast", 2014) of the words, mixed with the seed that a rehash changes, and one
 * more multiplication, without which keys that follow each other could stay
 * together whatever the seed. Who does not know the secret cannot tell which
 * keys collide.
 */
static inline u32 shim_hash(const u32 *key, u32 seed, const u64 *secret)
{
	u64 sum = secret[0];

	sum += secret[1] * (key[0] ^ seed);
	sum += secret[2] * (key[1] ^ seed);
	sum += secret[3] * (key[2] ^ seed);
	sum ^= sum >> 32;
	sum *= secret[4] | 1;
	return sum >> 32;
}

#endif
