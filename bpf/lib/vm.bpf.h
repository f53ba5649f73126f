/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sizes of the current task's address space in KiB: total, resident, swapped.
 */
#pragma once

#include "capture.bpf.h"

struct vm_kib {
	u32 size;
	u32 rss;
	u32 swap;
};

/*
 * One counter of resident pages: a plain number until 6.1, per-CPU with a
 * central sum (which is what is read, as in Falco) since 6.2.
 */
#define MM_PAGES(mm, which)                                                               \
	(bpf_core_type_exists(struct mm_rss_stat) ?                                       \
		 (s64)BPF_CORE_READ(mm, rss_stat.count[which].counter) :                \
		 (s64)BPF_CORE_READ((struct mm_struct___6_2 *)(mm), rss_stat[which].count))

static __always_inline struct vm_kib vm_of_current(void)
{
	struct mm_struct *mm = BPF_CORE_READ(CURRENT, mm);
	struct vm_kib vm = {};

	if (!mm)
		return vm;
	/* Pages of 4 KiB. */
	vm.size = BPF_CORE_READ(mm, total_vm) << 2;
	vm.rss = (MM_PAGES(mm, MM_FILEPAGES) + MM_PAGES(mm, MM_ANONPAGES) +
		  MM_PAGES(mm, MM_SHMEMPAGES)) << 2;
	vm.swap = MM_PAGES(mm, MM_SWAPENTS) << 2;
	return vm;
}
