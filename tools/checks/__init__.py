# SPDX-License-Identifier: GPL-2.0
"""The rules that tools/check enforces."""
