# SPDX-License-Identifier: GPL-2.0
"""Helpers of the VM tests: namespaces, raw netlink, frames, drop reasons."""
