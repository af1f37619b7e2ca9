// SPDX-License-Identifier: GPL-2.0-only
/*
 * The part of the C++ standard library the core may use.
 *
 * The only file that names a C++ standard header. These headers define types and constexpr
 * functions and nothing that needs a run-time library, so they compile inside the kernel;
 * <atomic>, <memory>, <algorithm>, <functional> and <string_view> do not, and base/ has
 * small replacements for what the core needs of them.
 *
 * Locking: none, there is no state here.
 */
#pragma once

#include <bit>
#include <compare>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <new>
#include <span>
#include <type_traits>
#include <utility>
