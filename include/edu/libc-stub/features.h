/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Stands in for glibc's <features.h>, which libstdc++'s configuration header includes and the kernel
 * does not have: no library, hence no version of one.
 */
#define __GLIBC_PREREQ(major, minor) 0
