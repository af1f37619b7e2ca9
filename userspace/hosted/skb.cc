// SPDX-License-Identifier: GPL-2.0-only
/*
 * Socket buffers (TLK "Socket Buffers", SKB-1, SKB-2), the hosted home's own.
 *
 * They are stricter than a kernel's. The octets between tail and end are poisoned for
 * AddressSanitizer, so reading past the packet is seen even where memory exists. A received packet
 * may come in pieces: only may_pull() makes octets linear, and it then always moves the packet, so
 * that a view kept across it is a use after free. Writing headers into octets that a clone shares
 * is a fault.
 *
 * Locking: none, a single thread.
 */
#include "home.hh"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <cstring>

#if defined(__SANITIZE_ADDRESS__) || defined(__clang__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(at, size) ((void)(at), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(at, size) ((void)(at), (void)(size))
#endif

namespace hosted {
namespace {

unsigned int live;

skb_store *store_new(std::size_t size)
{
	void *memory = nullptr;

	if (posix_memalign(&memory, 8, size ? size : 1))
		return nullptr;
	return new skb_store{static_cast<std::uint8_t *>(memory), {}, 1};
}

void store_put(skb_store *store, std::uint32_t size)
{
	if (--store->refs)
		return;
	ASAN_UNPOISON_MEMORY_REGION(store->memory, size);
	std::free(store->memory);
	delete store;
}

/* Makes exactly [head, tail) readable; what clones share is left alone. */
void guard_tail(sk_buff *skb)
{
	if (skb->store->refs > 1)
		return;
	ASAN_UNPOISON_MEMORY_REGION(skb->head, skb->tail);
	ASAN_POISON_MEMORY_REGION(skb->head + skb->tail, skb->end - skb->tail);
}

std::uint32_t headlen(const sk_buff *skb)
{
	return skb->len - skb->data_len;
}

std::uint32_t headroom(const sk_buff *skb)
{
	return static_cast<std::uint32_t>(skb->data - skb->head);
}

/*
 * Gives the packet memory of its own: `room` octets in front, `linear` octets of the packet in the
 * linear part, the rest behind. Offsets of headers move along. false: no memory.
 */
bool move(sk_buff *skb, std::uint32_t room, std::uint32_t linear, std::uint32_t tailroom)
{
	std::uint32_t kept = headroom(skb); /* pulled headers, which may still be looked at */
	std::uint32_t front = room > kept ? room : kept;
	skb_store *fresh = store_new(front + linear + tailroom);
	std::uint32_t shift = front - kept;

	if (!fresh)
		return false;
	std::memcpy(fresh->memory + shift, skb->head, kept);
	edu_k_skb_copy_bits(skb, 0, fresh->memory + front, linear);
	fresh->frag.resize(skb->len - linear);
	edu_k_skb_copy_bits(skb, linear, fresh->frag.data(), skb->len - linear);
	store_put(skb->store, skb->end);
	skb->store = fresh;
	skb->head = fresh->memory;
	skb->data = skb->head + front;
	skb->tail = front + linear;
	skb->end = front + linear + tailroom;
	skb->data_len = skb->len - linear;
	skb->link += shift;
	skb->network += shift;
	skb->transport += shift;
	skb->csum_start += shift;
	guard_tail(skb);
	return true;
}

sk_buff *make(std::uint32_t room, std::uint32_t size)
{
	skb_store *store = store_new(std::size_t{room} + size);

	if (!store)
		return nullptr;
	auto *skb = new sk_buff{};

	skb->users = 1;
	skb->store = store;
	skb->head = store->memory;
	skb->data = skb->head + room;
	skb->tail = room;
	skb->end = room + size;
	skb->truesize = room + size + skb_overhead;
	skb->link = skb->network = skb->transport = room;
	std::memset(skb->head, 0xa5, room); /* what a kernel leaves there is anything */
	guard_tail(skb);
	live++;
	return skb;
}

void put(sk_buff *skb)
{
	if (!skb)
		return;
	if (!skb->users)
		return fault("an sk_buff freed twice");
	if (--skb->users)
		return;
	if (skb->next || skb->tree)
		fault("an sk_buff freed while on a queue");
	if (skb->stream)
		fault("a stream's buffer freed with its charge on it");
	clone_left(skb);
	skb_orphan(skb);
	store_put(skb->store, skb->end);
	delete skb;
	live--;
}

/* Octets of IP and TCP header of a large buffer, data at its IP header of ip_len octets. */
std::uint32_t headers_len(const sk_buff *skb, std::uint32_t ip_len)
{
	std::uint8_t words = 0;

	edu_k_skb_copy_bits(skb, ip_len + 12, &words, 1);
	return ip_len + (words >> 4) * 4u;
}

/* RFC 1071, octet by octet: deliberately not the core's algorithm. */
edu_u32 sum_octets(const sk_buff *skb, std::uint32_t offset, std::uint32_t len)
{
	std::vector<std::uint8_t> octets(len);
	std::uint64_t sum = 0;

	if (edu_k_skb_copy_bits(skb, offset, octets.data(), len))
		fault("checksum past the end of a packet");
	for (std::uint32_t i = 0; i < len; i++)
		sum += i % 2 ? octets[i] << 8 :
			       octets[i]; /* words as a little-endian machine has them */
	while (sum >> 32)
		sum = (sum & 0xffffffff) + (sum >> 32);
	return static_cast<edu_u32>(sum);
}

std::uint16_t fold(std::uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return static_cast<std::uint16_t>(sum);
}

} // namespace

static_assert(std::endian::native == std::endian::little, "sum_octets() counts on it");

unsigned int live_skbs()
{
	return live;
}

void skb_get(sk_buff *skb)
{
	skb->users++;
}

void clone_left(sk_buff *skb)
{
	clone_count *clones = skb->clones;

	skb->clones = nullptr;
	if (!clones)
		return;
	clones->held -= skb->is_clone;
	if (!--clones->refs)
		delete clones;
}

void skb_orphan(sk_buff *skb)
{
	if (skb->clones && skb->is_clone) /* whoever has it now, its sender has not */
		skb->clones->held--;
	skb->is_clone = false;
	if (skb->destructor)
		skb->destructor(skb);
	skb->destructor = nullptr;
	skb->sk = nullptr;
}

sk_buff *skb_from(const std::uint8_t *octets, std::size_t len, bool pieces)
{
	constexpr std::uint32_t room = 16;
	auto size = static_cast<std::uint32_t>(len);
	std::uint32_t linear = size;

	if (pieces && size > 14)
		linear = 14 + chance() % (size - 14 < 64 ? size - 14 : 64);
	sk_buff *skb = make(room, linear);

	if (!skb)
		return nullptr;
	std::copy(octets, octets + linear, edu_k_skb_put(skb, linear));
	skb->store->frag.assign(octets + linear, octets + size);
	skb->data_len = size - linear;
	skb->len = size;
	skb->truesize += size - linear;
	return skb;
}

std::vector<std::uint8_t> octets_of(const sk_buff *skb)
{
	std::vector<std::uint8_t> octets(skb->len);

	edu_k_skb_copy_bits(skb, 0, octets.data(), skb->len);
	return octets;
}

void complete_checksum(sk_buff *skb)
{
	if (skb->csum != csum_state::partial)
		return;
	std::uint32_t start = skb->csum_start - headroom(skb);
	std::uint32_t field = start + skb->csum_offset;

	if (skb->csum_start < headroom(skb) || field + 2 > headlen(skb))
		return fault("the checksum to be completed lies outside of the packet");
	std::uint16_t sum =
		static_cast<std::uint16_t>(~fold(sum_octets(skb, start, skb->len - start)));

	if (!sum && skb->csum_offset == 6) /* UDP: zero means none (RFC 768) */
		sum = 0xffff;
	std::memcpy(skb->data + field, &sum, 2);
	skb->csum = csum_state::none;
}

} // namespace hosted

using namespace hosted;

extern "C" {

struct sk_buff *edu_k_skb_alloc(unsigned int room, unsigned int size, unsigned int gfp)
{
	if (gfp == EDU_GFP_KERNEL)
		assert_may_sleep("edu_k_skb_alloc(EDU_GFP_KERNEL)");
	return allocation_fails() ? nullptr : make(room, size);
}

void edu_k_skb_consume(struct sk_buff *skb)
{
	put(skb);
}

void edu_k_skb_drop(struct sk_buff *skb)
{
	put(skb);
}

struct sk_buff *edu_k_skb_clone(struct sk_buff *skb, unsigned int)
{
	if (allocation_fails())
		return nullptr;
	auto *clone = new sk_buff{*skb};

	clone->users = 1;
	clone->next = nullptr;
	clone->sk = nullptr;
	clone->destructor = nullptr;
	clone->tree = nullptr;
	clone->stream = nullptr;
	clone->clones = nullptr;
	clone->store->refs++;
	live++;
	return clone;
}

struct sk_buff *edu_k_skb_copy(const struct sk_buff *skb, unsigned int room, unsigned int)
{
	sk_buff *copy = edu_k_skb_clone(const_cast<sk_buff *>(skb), EDU_GFP_ATOMIC);

	if (!copy)
		return nullptr;
	if (move(copy, room, copy->len, 0))
		return copy;
	put(copy);
	return nullptr;
}

edu_u8 *edu_k_skb_push(struct sk_buff *skb, unsigned int len)
{
	if (len > headroom(skb)) {
		fault("edu_k_skb_push: %u octets, room for %u", len, headroom(skb));
		std::abort();
	}
	if (skb->store->refs > 1)
		fault("edu_k_skb_push: the headers are shared with a clone");
	skb->data -= len;
	skb->len += len;
	return skb->data;
}

edu_u8 *edu_k_skb_pull(struct sk_buff *skb, unsigned int len)
{
	if (len > headlen(skb)) {
		fault("edu_k_skb_pull: %u octets, linear are %u", len, headlen(skb));
		std::abort();
	}
	skb->data += len;
	skb->len -= len;
	return skb->data;
}

edu_u8 *edu_k_skb_put(struct sk_buff *skb, unsigned int len)
{
	std::uint8_t *old = skb->head + skb->tail;

	if (len > skb->end - skb->tail || skb->data_len) {
		fault("edu_k_skb_put: %u octets, room for %u, %u not linear", len,
		      skb->end - skb->tail, skb->data_len);
		std::abort();
	}
	if (skb->store->refs > 1)
		fault("edu_k_skb_put: the data is shared with a clone");
	skb->tail += len;
	skb->len += len;
	guard_tail(skb);
	return old;
}

int edu_k_skb_trim(struct sk_buff *skb, unsigned int len)
{
	if (len >= skb->len)
		return 0;
	if (len >= headlen(skb)) {
		skb->data_len = len - headlen(skb);
	} else {
		skb->tail -= headlen(skb) - len;
		skb->data_len = 0;
	}
	skb->len = len;
	guard_tail(skb);
	return 0;
}

int edu_k_skb_may_pull(struct sk_buff *skb, unsigned int len)
{
	if (len <= headlen(skb))
		return 1;
	if (len > skb->len || allocation_fails())
		return 0;
	return move(skb, 0, len, 0);
}

int edu_k_skb_cow(struct sk_buff *skb, unsigned int room)
{
	if (skb->store->refs == 1 && headroom(skb) >= room)
		return 0;
	if (allocation_fails() || !move(skb, room, headlen(skb), 0))
		return -12;
	return 0;
}

int edu_k_skb_forward(struct sk_buff *skb, unsigned int header_len, unsigned int mtu,
		      unsigned int room)
{
	if (edu_k_skb_cow(skb, room))
		return -12;
	skb->transport = headroom(skb) + header_len;
	if (skb->len <= mtu)
		return 0;
	if (!skb->gso_size)
		return EDU_FORWARD_TOO_LARGE;
	/* Headers are 40 octets at least, and options count too: what the first packet is long. */
	return headers_len(skb, header_len) + skb->gso_size <= mtu ? 0 : EDU_FORWARD_SEGMENTS;
}

int edu_k_skb_copy_bits(const struct sk_buff *skb, unsigned int offset, void *to, unsigned int len)
{
	auto *out = static_cast<std::uint8_t *>(to);
	std::uint32_t linear = offset < headlen(skb) ? headlen(skb) - offset : 0;

	if (offset > skb->len || len > skb->len - offset)
		return -14;
	if (linear > len)
		linear = len;
	if (linear)
		std::memcpy(out, skb->data + offset, linear);
	if (len > linear)
		std::memcpy(out + linear,
			    skb->store->frag.data() + (offset + linear - headlen(skb)),
			    len - linear);
	return 0;
}

void edu_k_skb_mark_network(struct sk_buff *skb)
{
	skb->network = headroom(skb);
}

void edu_k_skb_mark_transport(struct sk_buff *skb)
{
	skb->transport = headroom(skb);
}

edu_u8 *edu_k_skb_network(const struct sk_buff *skb)
{
	return skb->head + skb->network;
}

const edu_u8 *edu_k_skb_link_header(const struct sk_buff *skb, unsigned int *len)
{
	*len = skb->link_len;
	return skb->link_len ? skb->head + skb->link : nullptr;
}

int edu_k_skb_csum_ok(struct sk_buff *skb, unsigned int len, edu_u32 pseudo_sum)
{
	if (skb->csum != csum_state::none)
		return 1;
	if (len > skb->len)
		return 0;
	return fold(std::uint64_t{sum_octets(skb, 0, len)} + pseudo_sum) == 0xffff;
}

edu_u32 edu_k_skb_csum(const struct sk_buff *skb, unsigned int offset, unsigned int len)
{
	return sum_octets(skb, offset, len);
}

void edu_k_skb_csum_offload(struct sk_buff *skb, unsigned int offset)
{
	skb->csum = csum_state::partial;
	skb->csum_start = headroom(skb);
	skb->csum_offset = offset;
}

int edu_k_skb_csum_complete(struct sk_buff *skb)
{
	if (skb->csum == csum_state::partial && allocation_fails())
		return -12;
	complete_checksum(skb);
	return 0;
}

struct sk_buff *edu_k_skb_cut(struct sk_buff *skb, unsigned int offset, unsigned int len,
			      unsigned int room)
{
	sk_buff *piece = edu_k_skb_alloc(room, len, EDU_GFP_ATOMIC);

	if (!piece)
		return nullptr;
	if (edu_k_skb_copy_bits(skb, offset, edu_k_skb_put(piece, len), len)) {
		fault("edu_k_skb_cut: %u octets at %u of a packet of %u", len, offset, skb->len);
		put(piece);
		return nullptr;
	}
	if (skb->sk) {
		edu_k_sock_hold(skb->sk);
		piece->sk = skb->sk;
		piece->destructor = skb->destructor;
		skb->sk->wmem += piece->truesize;
	}
	return piece;
}

void edu_k_skb_park(struct sk_buff *) {}

int edu_k_skb_join(struct sk_buff *head, struct edu_skb_queue *rest)
{
	if (allocation_fails())
		return -12;
	if (head->store->refs > 1)
		fault("edu_k_skb_join: the octets are shared with a clone");
	while (sk_buff *part = edu_k_skb_dequeue(rest)) {
		std::vector<std::uint8_t> octets = octets_of(part);

		if (rest->length && part->len % 2)
			fault("edu_k_skb_join: a part of odd length in the middle");
		head->store->frag.insert(head->store->frag.end(), octets.begin(), octets.end());
		head->len += part->len;
		head->data_len += part->len;
		head->truesize += part->truesize;
		put(part);
	}
	head->csum = csum_state::none;
	return 0;
}

void edu_k_skb_csum_done(struct sk_buff *skb)
{
	skb->csum = csum_state::none;
}

void edu_k_skb_queue_tail(struct edu_skb_queue *queue, struct sk_buff *skb)
{
	if (skb->next || queue->last == skb)
		fault("an sk_buff put on two queues");
	if (queue->last)
		queue->last->next = skb;
	else
		queue->first = skb;
	queue->last = skb;
	queue->length++;
}

void edu_k_skb_queue_head(struct edu_skb_queue *queue, struct sk_buff *skb)
{
	if (skb->next || queue->last == skb)
		fault("an sk_buff put on two queues");
	skb->next = queue->first;
	if (!queue->first)
		queue->last = skb;
	queue->first = skb;
	queue->length++;
}

struct sk_buff *edu_k_skb_dequeue(struct edu_skb_queue *queue)
{
	sk_buff *skb = queue->first;

	if (!skb)
		return nullptr;
	queue->first = skb->next;
	if (!queue->first)
		queue->last = nullptr;
	skb->next = nullptr;
	queue->length--;
	return skb;
}

} // extern "C"
