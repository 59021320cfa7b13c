// SPDX-License-Identifier: GPL-2.0
/*
 * What drivers of switches and NICs do with VXLAN devices, done on request.
 *
 * A command is one write to /proc/vxlan_probe, about devices of the writer's
 * namespace; the write fails with the command's errno. What came of it, and each
 * switchdev event about VXLAN, is a line of the log that reading gives.
 *
 *   clear                            empty the log, forget a veto
 *   kernel                           tell whether the kernel has switchdev
 *   find DEV MAC VNI                 vxlan_fdb_find_uc()
 *   replay DEV VNI                   vxlan_fdb_replay()
 *   unmark DEV VNI                   vxlan_fdb_clear_offload()
 *   prefix DEV                       struct vxlan_dev as other drivers read it
 *   device DEV                       what struct net_device has and netlink does not show
 *   veto ERRNO [AFTER]               refuse an entry told to us, after AFTER others
 *   mark|add|del DEV MAC VNI IP PORT REMOTE-VNI IFINDEX OFFLOADED
 *                                    SWITCHDEV_VXLAN_FDB_OFFLOADED, _ADD_TO_BRIDGE,
 *                                    _DEL_TO_BRIDGE
 */
#include <linux/etherdevice.h>
#include <linux/hex.h>
#include <linux/inet.h>
#include <linux/module.h>
#include <linux/netdevice.h>
#include <linux/nsproxy.h>
#include <linux/proc_fs.h>
#include <linux/rtnetlink.h>
#include <linux/seq_file.h>
#include <linux/vmalloc.h>
#include <net/net_namespace.h>
#include <net/switchdev.h>
#include <net/vxlan.h>

#define LOG_SIZE	(1 << 20)
#define MAX_WORDS	10

/* The log is written from softirq too: stations that are learned. */
static DEFINE_SPINLOCK(log_lock);
static char *log_text;
static size_t log_used;

/* Set by "veto": how many entries pass before the one that is refused. */
static int veto_errno;
static int veto_after;

static __printf(1, 2) void note(const char *format, ...)
{
	unsigned long flags;
	va_list args;

	va_start(args, format);
	spin_lock_irqsave(&log_lock, flags);
	log_used += vscnprintf(log_text + log_used, LOG_SIZE - log_used, format, args);
	spin_unlock_irqrestore(&log_lock, flags);
	va_end(args);
}

static void note_entry(const char *what, const struct switchdev_notifier_vxlan_fdb_info *info,
		       int err)
{
	note("%s dev=%s mac=%pM vni=%u ip=%pISc port=%u remote_vni=%u ifindex=%u offloaded=%d user=%d extack=%d err=%d\n",
	     what, info->info.dev->name, info->eth_addr, be32_to_cpu(info->vni),
	     &info->remote_ip.sa, be16_to_cpu(info->remote_port),
	     be32_to_cpu(info->remote_vni), info->remote_ifindex, info->offloaded,
	     info->added_by_user, !!info->info.extack, err);
}

/* The errno to refuse an entry with, or 0 to take it. */
static int veto(struct netlink_ext_ack *extack)
{
	unsigned long flags;
	int err = 0;

	spin_lock_irqsave(&log_lock, flags);
	if (veto_errno && veto_after-- == 0) {
		err = -veto_errno;
		veto_errno = 0;
	}
	spin_unlock_irqrestore(&log_lock, flags);
	if (err)
		NL_SET_ERR_MSG(extack, "vxlan_probe takes no more");
	return err;
}

static int probe_event(struct notifier_block *nb, unsigned long event, void *ptr)
{
	struct switchdev_notifier_vxlan_fdb_info *info = ptr;
	int err;

	switch (event) {
	case SWITCHDEV_VXLAN_FDB_ADD_TO_DEVICE:
		err = veto(switchdev_notifier_info_to_extack(&info->info));
		note_entry("added", info, err);
		return notifier_from_errno(err);
	case SWITCHDEV_VXLAN_FDB_DEL_TO_DEVICE:
		note_entry("deleted", info, 0);
		break;
	}
	return NOTIFY_DONE;
}

static int replay_event(struct notifier_block *nb, unsigned long event, void *ptr)
{
	struct switchdev_notifier_vxlan_fdb_info *info = ptr;
	int err;

	if (event != SWITCHDEV_VXLAN_FDB_ADD_TO_DEVICE) {
		note("replay of event %lu\n", event);
		return NOTIFY_DONE;
	}
	err = veto(switchdev_notifier_info_to_extack(&info->info));
	note_entry("replayed", info, err);
	return notifier_from_errno(err);
}

static struct notifier_block probe_block = { .notifier_call = probe_event };
static struct notifier_block replay_block = { .notifier_call = replay_event };

static int find(struct net_device *dev, char **words)
{
	struct switchdev_notifier_vxlan_fdb_info info = {};
	u8 mac[ETH_ALEN];
	u32 vni;
	int err;

	if (!mac_pton(words[0], mac) || kstrtou32(words[1], 0, &vni))
		return -EINVAL;
	err = vxlan_fdb_find_uc(dev, mac, cpu_to_be32(vni), &info);
	if (!err)
		note_entry("found", &info, 0);
	return err;
}

static int replay(struct net_device *dev, char **words)
{
	struct netlink_ext_ack extack = {};
	u32 vni;
	int err;

	if (kstrtou32(words[0], 0, &vni))
		return -EINVAL;
	err = vxlan_fdb_replay(dev, cpu_to_be32(vni), &replay_block, &extack);
	if (extack._msg)
		note("ack %s\n", extack._msg);
	return err;
}

static int unmark(struct net_device *dev, char **words)
{
	u32 vni;

	if (kstrtou32(words[0], 0, &vni))
		return -EINVAL;
	vxlan_fdb_clear_offload(dev, cpu_to_be32(vni));
	return 0;
}

/* Only what drivers in the tree read: cfg and default_dst, device and namespace. */
static int prefix(struct net_device *dev, char **words)
{
	const struct vxlan_dev *vxlan = netdev_priv(dev);
	const struct vxlan_rdst *dst = &vxlan->default_dst;
	const struct vxlan_config *cfg = &vxlan->cfg;

	if (!netif_is_vxlan(dev))
		return -EINVAL;
	note("self=%d net=%u\n", vxlan->dev == dev, vxlan->net->ns.inum);
	note("default_dst.remote_ip=%pISc default_dst.remote_vni=%u default_dst.remote_ifindex=%u\n",
	     &dst->remote_ip.sa, be32_to_cpu(dst->remote_vni), dst->remote_ifindex);
	note("remote_ip=%pISc saddr=%pISc vni=%u remote_ifindex=%d mtu=%d dst_port=%u port_min=%u port_max=%u\n",
	     &cfg->remote_ip.sa, &cfg->saddr.sa, be32_to_cpu(cfg->vni), cfg->remote_ifindex,
	     cfg->mtu, be16_to_cpu(cfg->dst_port), cfg->port_min, cfg->port_max);
	note("tos=%u ttl=%u label=0x%x label_policy=%d flags=0x%x age_interval=%lu addrmax=%u no_share=%d df=%d reserved_bits=0x%08x%08x\n",
	     cfg->tos, cfg->ttl, be32_to_cpu(cfg->label), cfg->label_policy, cfg->flags,
	     cfg->age_interval, cfg->addrmax, cfg->no_share, cfg->df,
	     be32_to_cpu(cfg->reserved_bits.vx_flags), be32_to_cpu(cfg->reserved_bits.vx_vni));
	return 0;
}

static int device(struct net_device *dev, char **words)
{
	note("hard_header_len=%u needed_headroom=%u needed_tailroom=%u priv_flags=0x%lx lltx=%d change_proto_down=%d needs_free_netdev=%d pcpu_stat_type=%d header_ops=%d\n",
	     dev->hard_header_len, dev->needed_headroom, dev->needed_tailroom,
	     (unsigned long)dev->priv_flags, dev->lltx, dev->change_proto_down,
	     dev->needs_free_netdev, dev->pcpu_stat_type, !!dev->header_ops);
	note("features=%pNF hw_features=%pNF vlan_features=%pNF hw_enc_features=%pNF gso_partial_features=%pNF mangleid_features=%pNF\n",
	     &dev->features, &dev->hw_features, &dev->vlan_features, &dev->hw_enc_features,
	     &dev->gso_partial_features, &dev->mangleid_features);
	return 0;
}

static bool parse_address(const char *text, union vxlan_addr *addr)
{
	/* No address at all, and so no family. */
	if (!strcmp(text, "none"))
		return true;
	if (in4_pton(text, -1, (u8 *)&addr->sin.sin_addr, -1, NULL)) {
		addr->sa.sa_family = AF_INET;
		return true;
	}
	addr->sa.sa_family = AF_INET6;
	return in6_pton(text, -1, (u8 *)&addr->sin6.sin6_addr, -1, NULL);
}

static int tell(unsigned long event, struct net_device *dev, char **words)
{
	struct switchdev_notifier_vxlan_fdb_info info = {};
	struct netlink_ext_ack extack = {};
	u32 vni, remote_vni;
	u16 port;
	int err;

	if (!mac_pton(words[0], info.eth_addr) || kstrtou32(words[1], 0, &vni) ||
	    !parse_address(words[2], &info.remote_ip) || kstrtou16(words[3], 0, &port) ||
	    kstrtou32(words[4], 0, &remote_vni) ||
	    kstrtou32(words[5], 0, &info.remote_ifindex) ||
	    kstrtobool(words[6], &info.offloaded))
		return -EINVAL;
	info.vni = cpu_to_be32(vni);
	info.remote_port = cpu_to_be16(port);
	info.remote_vni = cpu_to_be32(remote_vni);
	err = notifier_to_errno(call_switchdev_notifiers(event, dev, &info.info, &extack));
	note("told offloaded=%d err=%d ack=%s\n", info.offloaded, err,
	     extack._msg ? extack._msg : "");
	return err;
}

static int mark(struct net_device *dev, char **words)
{
	return tell(SWITCHDEV_VXLAN_FDB_OFFLOADED, dev, words);
}

static int add(struct net_device *dev, char **words)
{
	return tell(SWITCHDEV_VXLAN_FDB_ADD_TO_BRIDGE, dev, words);
}

static int del(struct net_device *dev, char **words)
{
	return tell(SWITCHDEV_VXLAN_FDB_DEL_TO_BRIDGE, dev, words);
}

static const struct {
	const char *name;
	int words;		/* after the device */
	int (*run)(struct net_device *dev, char **words);
} commands[] = {
	{ "find", 2, find },
	{ "replay", 1, replay },
	{ "unmark", 1, unmark },
	{ "prefix", 0, prefix },
	{ "device", 0, device },
	{ "mark", 7, mark },
	{ "add", 7, add },
	{ "del", 7, del },
};

/* As NIC drivers do, all of it is done with RTNL held. */
static int on_device(int count, char **words)
{
	struct net_device *dev;
	int err = -ENODEV;
	int i;

	for (i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(commands[i].name, words[0]))
			break;
	if (i == ARRAY_SIZE(commands) || count != commands[i].words + 2)
		return -EINVAL;
	rtnl_lock();
	dev = __dev_get_by_name(current->nsproxy->net_ns, words[1]);
	if (dev)
		err = commands[i].run(dev, words + 2);
	rtnl_unlock();
	return err;
}

static int set_veto(int count, char **words)
{
	int err = 0, after = 0;

	if (count < 2 || count > 3 || kstrtoint(words[1], 0, &err) ||
	    (count == 3 && kstrtoint(words[2], 0, &after)))
		return -EINVAL;
	spin_lock_irq(&log_lock);
	veto_errno = err;
	veto_after = after;
	spin_unlock_irq(&log_lock);
	return 0;
}

static int run(int count, char **words)
{
	if (!count)
		return -EINVAL;
	if (!strcmp(words[0], "veto"))
		return set_veto(count, words);
	if (!strcmp(words[0], "kernel")) {
		note("switchdev=%d\n", IS_ENABLED(CONFIG_NET_SWITCHDEV));
		return 0;
	}
	if (!strcmp(words[0], "clear")) {
		spin_lock_irq(&log_lock);
		log_used = 0;
		veto_errno = 0;
		spin_unlock_irq(&log_lock);
		return 0;
	}
	return on_device(count, words);
}

static ssize_t probe_write(struct file *file, const char __user *buffer, size_t size,
			   loff_t *offset)
{
	char *words[MAX_WORDS + 1], *text, *rest, *word;
	int count = 0;
	int err;

	text = memdup_user_nul(buffer, min_t(size_t, size, PAGE_SIZE - 1));
	if (IS_ERR(text))
		return PTR_ERR(text);
	rest = strim(text);
	while (count < MAX_WORDS && (word = strsep(&rest, " ")))
		words[count++] = word;
	words[count] = NULL;
	err = run(count, words);
	kfree(text);
	return err ?: size;
}

static int probe_show(struct seq_file *file, void *unused)
{
	spin_lock_irq(&log_lock);
	seq_write(file, log_text, log_used);
	spin_unlock_irq(&log_lock);
	return 0;
}

static int probe_open(struct inode *inode, struct file *file)
{
	return single_open(file, probe_show, NULL);
}

static const struct proc_ops probe_ops = {
	.proc_open	= probe_open,
	.proc_read	= seq_read,
	.proc_lseek	= seq_lseek,
	.proc_release	= single_release,
	.proc_write	= probe_write,
};

static int __init probe_init(void)
{
	int err;

	log_text = vzalloc(LOG_SIZE);
	if (!log_text)
		return -ENOMEM;
	err = register_switchdev_notifier(&probe_block);
	if (err)
		goto free;
	if (!proc_create("vxlan_probe", 0600, NULL, &probe_ops)) {
		err = -ENOMEM;
		goto unregister;
	}
	return 0;

unregister:
	unregister_switchdev_notifier(&probe_block);
free:
	vfree(log_text);
	return err;
}

static void __exit probe_exit(void)
{
	remove_proc_entry("vxlan_probe", NULL);
	unregister_switchdev_notifier(&probe_block);
	vfree(log_text);
}

module_init(probe_init);
module_exit(probe_exit);
MODULE_DESCRIPTION("Driver-side view of VXLAN devices, for tests");
MODULE_LICENSE("GPL");
