// SPDX-License-Identifier: GPL-2.0
/*
 * What the tables, orders and sets of net/ are made of: inline functions of
 * xarray, rbtree and rhashtable.
 */
#include <linux/random.h>
#include <linux/sort.h>
#include "shim.h"
#include "shim_hash.h"

void shim_order_init(struct xarray *order) { xa_init(order); }

int shim_order_store(struct xarray *order, unsigned long number, void *item)
{
	return xa_err(xa_store(order, number, item, GFP_ATOMIC));
}

void shim_order_mark(struct xarray *order, unsigned long number, bool on)
{
	if (on)
		xa_set_mark(order, number, XA_MARK_0);
	else
		xa_clear_mark(order, number, XA_MARK_0);
}

void shim_walk_init(struct xa_state *state, struct xarray *order, unsigned long from)
{
	*state = (struct xa_state)__XA_STATE(order, from, 0, 0);
}

void *shim_walk_next(struct xa_state *state, bool marked)
{
	void *item;

	do {
		item = marked ? xas_next_marked(state, ULONG_MAX, XA_MARK_0) :
				xas_next_entry(state, ULONG_MAX);
	} while (xas_retry(state, item));
	return item;
}

static int shim_member_cmp(const void *identity, const struct rb_node *link)
{
	unsigned long theirs = rb_entry(link, struct shim_member, link)->identity;

	return cmp_int(*(const unsigned long *)identity, theirs);
}

static bool shim_member_less(struct rb_node *link, const struct rb_node *other)
{
	return rb_entry(link, struct shim_member, link)->identity <
	       rb_entry(other, struct shim_member, link)->identity;
}

struct shim_member *shim_member_find(struct rb_root *root, unsigned long identity)
{
	return rb_entry_safe(rb_find(&identity, root, shim_member_cmp), struct shim_member, link);
}

void shim_member_link(struct rb_root *root, struct shim_member *member)
{
	rb_add(&member->link, root, shim_member_less);
}

void shim_member_unlink(struct rb_root *root, struct shim_member *member)
{
	rb_erase(&member->link, root);
}

static u64 shim_table_secret[SHIM_SECRET_WORDS] __ro_after_init;

/* Draws the secret, before the first table is made. */
void shim_table_prepare(void)
{
	get_random_bytes(shim_table_secret, sizeof(shim_table_secret));
}

static inline u32 shim_table_hash(const void *data, u32 len, u32 seed)
{
	return shim_hash(data, seed, shim_table_secret);
}

/* Spares a call of memcmp() for each lookup. */
static inline int shim_table_cmp(struct rhashtable_compare_arg *arg, const void *obj)
{
	const struct shim_node *node = obj;
	const u32 *key = arg->key;

	return (key[0] ^ node->key[0]) | (key[1] ^ node->key[1]) | (key[2] ^ node->key[2]);
}

static_assert(sizeof_field(struct shim_node, key) == SHIM_KEY_WORDS * sizeof(u32));

static const struct rhashtable_params shim_table_params = {
	.head_offset = offsetof(struct shim_node, hash),
	.key_offset = offsetof(struct shim_node, key),
	.key_len = sizeof_field(struct shim_node, key),
	.hashfn = shim_table_hash,
	.obj_cmpfn = shim_table_cmp,
	.automatic_shrinking = true,
};

int shim_table_init(struct rhashtable *table)
{
	return rhashtable_init(table, &shim_table_params);
}

struct shim_node *shim_table_lookup(struct rhashtable *table, const u32 *key)
{
	return rhashtable_lookup(table, key, shim_table_params);
}

int shim_table_insert(struct rhashtable *table, struct shim_node *node)
{
	return rhashtable_lookup_insert_fast(table, &node->hash, shim_table_params);
}

int shim_table_remove(struct rhashtable *table, struct shim_node *node)
{
	return rhashtable_remove_fast(table, &node->hash, shim_table_params);
}
