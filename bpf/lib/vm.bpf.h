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
static __always_inline s64 mm_pages(struct mm_struct *mm, u32 counter)
{
	struct mm_struct___6_2 *percpu = (void *)mm;
	s64 pages = 0;

	if (bpf_core_type_exists(struct mm_rss_stat))
		bpf_core_read(&pages, sizeof(pages), &mm->rss_stat.count[counter].counter);
	else
		bpf_core_read(&pages, sizeof(pages), &percpu->rss_stat[counter].count);
	return pages;
}

static __always_inline struct vm_kib vm_of_current(void)
{
	struct mm_struct *mm = BPF_CORE_READ(CURRENT, mm);
	struct vm_kib vm = {};

	if (!mm)
		return vm;
	/* Pages of 4 KiB. */
	vm.size = BPF_CORE_READ(mm, total_vm) << 2;
	vm.rss = (mm_pages(mm, MM_FILEPAGES) + mm_pages(mm, MM_ANONPAGES) +
		  mm_pages(mm, MM_SHMEMPAGES)) << 2;
	vm.swap = mm_pages(mm, MM_SWAPENTS) << 2;
	return vm;
}
