/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every counter of the stack, one list for the kernel side, the core and the tools' tests.
 *
 * EDU_COUNTERS(X) expands X(group, name) once per counter, in the order shown by
 * /proc/net/eduinet/snmp. Standard names come from RFC 1213 (MIB-II) as /proc/net/snmp writes
 * them; a name that begins with Drop counts packets thrown away for exactly one reason, and each
 * drop counts under exactly one Drop name (requirement: every drop has a named counter).
 */
#ifndef _EDU_COUNTERS_H
#define _EDU_COUNTERS_H

/* clang-format off */
#define EDU_COUNTERS(X) \
	/* link: frames in and out of attached interfaces */ \
	X(Link, InFrames) X(Link, OutFrames) \
	X(Link, DropOtherHost)		/* frame for another station, seen because promiscuous */ \
	X(Link, DropNotUp)		/* interface down or going away */ \
	X(Link, DropTooShort)		/* shorter than its link header says */ \
	X(Link, DropXmitError)		/* the device refused it */ \
	X(Link, DropSegmentation)	/* a large buffer that could not be taken apart into packets */ \
	X(Link, DropNoMemory) \
	/* ARP: RFC 826 */ \
	X(Arp, InRequests) X(Arp, InReplies) X(Arp, OutRequests) X(Arp, OutReplies) X(Arp, OutProbes) X(Arp, OutAnnounces) \
	X(Arp, Created) X(Arp, Completed) X(Arp, Updated) X(Arp, Expired) X(Arp, Failed) X(Arp, Evicted) X(Arp, Conflicts) \
	X(Arp, OutAddressProbes)	/* for a new address of ours (RFC 5227 2.1) */ \
	X(Arp, AddressConflicts)	/* another station had it */ \
	X(Arp, Locked)			/* another answer came within arp_locktime_ms, and changed nothing */ \
	X(Arp, Proxied)			/* answered for another host (RFC 1027) */ \
	X(Arp, DropShort) X(Arp, DropHardwareType) X(Arp, DropProtocolType) X(Arp, DropAddressLength) \
	X(Arp, DropOpcode) X(Arp, DropSourceAddress)	/* sender is multicast, broadcast or not on the link */ \
	X(Arp, DropNotForUs) \
	X(Arp, DropTableFull) X(Arp, DropQueueFull)	/* waiting queue: the oldest left */ \
	X(Arp, DropUnresolved)		/* waiting packet whose address never answered */ \
	X(Arp, DropNoMemory) X(Arp, DropNotUp) \
	/* RARP: RFC 903 */ \
	X(Rarp, InRequests) X(Rarp, InReplies) X(Rarp, OutReplies) \
	X(Rarp, DropShort) X(Rarp, DropFormat)	/* not Ethernet and IPv4 */ \
	X(Rarp, DropOpcode) X(Rarp, DropSourceAddress) \
	X(Rarp, DropUnknown)		/* a request for a hardware address that the table does not have */ \
	X(Rarp, DropNotForUs) X(Rarp, DropNotUp) \
	/* IP: RFC 791, RFC 1213 */ \
	X(Ip, InReceives) X(Ip, InDelivers) X(Ip, OutRequests) X(Ip, ForwDatagrams) X(Ip, InAddrErrors) X(Ip, OutNoRoutes) \
	X(Ip, ReasmReqds) X(Ip, ReasmOKs) X(Ip, ReasmFails) X(Ip, ReasmTimeout) \
	X(Ip, FragOKs) X(Ip, FragFails) X(Ip, FragCreates) \
	X(Ip, DropShort) X(Ip, DropVersion) X(Ip, DropHeaderLength) X(Ip, DropTotalLength) X(Ip, DropTruncated) \
	X(Ip, DropChecksum) X(Ip, DropOptions) X(Ip, DropSourceRoute) \
	X(Ip, DropMartianSource) X(Ip, DropMartianDestination) \
	X(Ip, DropNotForUs)		/* destination is another host and forwarding is off */ \
	X(Ip, DropMulticastNotJoined) X(Ip, DropUnknownProtocol) \
	X(Ip, DropFragmentLength)	/* empty, or not the last and no multiple of 8 octets */ \
	X(Ip, DropFragmentTiny)		/* too short for the transport header it should hold (RFC 1858) */ \
	X(Ip, DropFragmentTooLong)	/* would end behind octet 65,535 (Ping of Death) */ \
	X(Ip, DropFragmentDuplicate)	/* the same octets again; the datagram goes on */ \
	X(Ip, DropFragmentOverlap)	/* fragments that overlap: all of the datagram (RFC 5722) */ \
	X(Ip, DropFragmentEnd)		/* fragments that disagree on the end: all of the datagram */ \
	X(Ip, DropFragmentEcn)		/* marks of congestion beside fragments that know of none (RFC 3168) */ \
	X(Ip, DropFragmentTimeout)	/* the rest did not come in time */ \
	X(Ip, DropFragmentEvicted)	/* the datagram left alone for longest made room */ \
	X(Ip, DropFragmentMemory)	/* no room could be made within ip_frag_high_thresh */ \
	X(Ip, DropFragmentIface)	/* came by an interface that has gone */ \
	X(Ip, DropFragmentUnsent)	/* of ours, behind one that could not be sent */ \
	/* forwarding: RFC 1812 */ \
	X(Ip, DropReversePath)		/* rp_filter: the way back to its source is another */ \
	X(Ip, DropLinkBroadcast)	/* for another host, in a broadcast or multicast frame */ \
	X(Ip, DropDirectedBroadcast)	/* to all of another subnet of ours */ \
	X(Ip, DropUnreachable) X(Ip, DropProhibited) X(Ip, DropBlackhole)	/* routes of these types */ \
	X(Ip, DropStrictRoute)		/* a strict source route names a hop that is not on a link */ \
	X(Ip, DropMerged)		/* a device has merged packets for good (LRO) */ \
	X(Ip, DropNoRoute) X(Ip, DropTtl) X(Ip, DropTooBig) X(Ip, DropNoMemory) X(Ip, DropNoDevice) \
	/* route cache */ \
	X(Rt, CacheHits) X(Rt, CacheMisses) X(Rt, CacheInserts) X(Rt, CacheEvicted) X(Rt, CacheExpired) X(Rt, CacheFlushes) \
	X(Rt, FibHits) X(Rt, FibMisses) \
	X(Rt, DeadGateways)		/* a gateway's ARP failed: others are preferred for a while */ \
	X(Rt, Redirected)		/* routes that a redirect has changed */ \
	/* ICMP: RFC 792 */ \
	X(Icmp, InMsgs) X(Icmp, InEchos) X(Icmp, InEchoReps) X(Icmp, InDestUnreachs) X(Icmp, InTimeExcds) \
	X(Icmp, InParmProbs) X(Icmp, InSrcQuenchs) X(Icmp, InRedirects) X(Icmp, InTimestamps) X(Icmp, InTimestampReps) \
	X(Icmp, OutMsgs) X(Icmp, OutEchoReps) X(Icmp, OutDestUnreachs) X(Icmp, OutTimeExcds) X(Icmp, OutParmProbs) \
	X(Icmp, OutRedirects) X(Icmp, OutTimestampReps) X(Icmp, OutErrors) \
	X(Icmp, RateLimited) X(Icmp, ErrorSuppressed)	/* about an error, a broadcast, a fragment, … */ \
	X(Icmp, DropShort) X(Icmp, DropChecksum) X(Icmp, DropUnknownType) X(Icmp, DropBroadcastEcho) \
	X(Icmp, DropQuote)		/* an error whose quoted packet makes no sense */ \
	X(Icmp, DropNoSocket)		/* an error nobody waits for */ \
	X(Icmp, DropRedirect)		/* a redirect that is not to be believed */ \
	/* IGMP: RFC 2236 */ \
	X(Igmp, InMsgs) X(Igmp, InQueriesV1) X(Igmp, InQueriesV2) X(Igmp, InQueriesV3) \
	X(Igmp, InReportsV1) X(Igmp, InReportsV2) X(Igmp, InReportsV3) X(Igmp, InLeaves) \
	X(Igmp, OutReportsV1) X(Igmp, OutReportsV2) X(Igmp, OutLeaves) X(Igmp, OutErrors) \
	X(Igmp, Suppressed)		/* a report not sent, because another member sent one */ \
	X(Igmp, DropShort) X(Igmp, DropChecksum) X(Igmp, DropUnknownType) \
	X(Igmp, DropLength)		/* a query of 9 to 11 octets: of no version (RFC 3376 7.1) */ \
	X(Igmp, DropGroup)		/* no group where one must be, or not the one it was sent to */ \
	/* UDP: RFC 768 */ \
	X(Udp, InDatagrams) X(Udp, OutDatagrams) X(Udp, NoPorts) X(Udp, SndbufErrors) \
	X(Udp, DropShort) X(Udp, DropLength) X(Udp, DropChecksum) X(Udp, DropNoSocket) \
	X(Udp, DropRcvbufFull) X(Udp, DropFilter) X(Udp, DropNoMemory) X(Udp, DropBadSource) \
	/* TCP: RFC 9293, RFC 1213 */ \
	X(Tcp, ActiveOpens) X(Tcp, PassiveOpens) X(Tcp, AttemptFails) X(Tcp, EstabResets) \
	X(Tcp, InSegs) X(Tcp, OutSegs) X(Tcp, RetransSegs) X(Tcp, OutRsts) \
	X(Tcp, InHeaderPredicted)	/* segments that took the short way */ \
	X(Tcp, InOutOfOrder) X(Tcp, InCoalesced) X(Tcp, OutAcks) X(Tcp, OutDelayedAcks) X(Tcp, OutProbes) X(Tcp, OutKeepalives) \
	X(Tcp, OutChallengeAcks) X(Tcp, ChallengeAcksLimited)	/* RFC 5961 */ \
	X(Tcp, FastRetrans) X(Tcp, RtoRetrans) X(Tcp, TlpProbes) X(Tcp, Timeouts)	/* why octets went out again */ \
	X(Tcp, SpuriousRtos) X(Tcp, Undos)	/* it had not been loss after all */ \
	X(Tcp, InSackBlocks) X(Tcp, InDsacks) X(Tcp, OutDsacks) X(Tcp, SackReneged) X(Tcp, Reorderings) \
	X(Tcp, SynCookiesSent) X(Tcp, SynCookiesRecv) X(Tcp, SynCookiesFailed)	/* RFC 4987 */ \
	X(Tcp, TimeWaits) X(Tcp, TimeWaitsReused) X(Tcp, TimeWaitsKilled)	/* killed: tcp_max_tw_buckets */ \
	X(Tcp, AbortsOnData) X(Tcp, AbortsOnClose) X(Tcp, AbortsOnTimeout) X(Tcp, AbortsOnLinger) X(Tcp, AbortsOnMemory) \
	X(Tcp, PathMtuShrunk)		/* ICMP made segments smaller (RFC 1191) */ \
	X(Tcp, RcvCollapsed) X(Tcp, RcvPruned)	/* the receive buffer was packed; out-of-order octets were given up */ \
	X(Tcp, DropShort) X(Tcp, DropHeaderLength) X(Tcp, DropChecksum) \
	X(Tcp, DropAddress)		/* to or from a broadcast or multicast address (MUST-57, MUST-63) */ \
	X(Tcp, DropNoSocket)		/* nobody there: answered with RST, unless it was one */ \
	X(Tcp, DropMinTtl) X(Tcp, DropFilter) X(Tcp, DropBacklogFull)	/* the program has the socket, and too much waits */ \
	X(Tcp, DropListenAck) X(Tcp, DropListenRst) X(Tcp, DropListenFlags) \
	X(Tcp, DropListenOverflow)	/* the backlog of connections is full */ \
	X(Tcp, DropListenMemory) X(Tcp, DropCookie) \
	X(Tcp, DropDeferred)		/* TCP_DEFER_ACCEPT: an ACK without data */ \
	X(Tcp, DropPaws)		/* an old duplicate by its timestamp (RFC 7323) */ \
	X(Tcp, DropOutOfWindow) X(Tcp, DropRst) X(Tcp, DropSyn)	/* RFC 5961: not exactly the number expected */ \
	X(Tcp, DropNoAck) X(Tcp, DropOldAck) X(Tcp, DropAckUnsent) X(Tcp, DropNoSyn) \
	X(Tcp, DropDuplicate)		/* octets that have all arrived before */ \
	X(Tcp, DropZeroWindow) X(Tcp, DropRcvbufFull) X(Tcp, DropAfterClose)	/* data nobody will read: answered with RST */ \
	X(Tcp, DropTimeWait) X(Tcp, DropClosed) X(Tcp, DropNoMemory) X(Tcp, DropNoRoute) \
	/* RAW sockets */ \
	X(Raw, InDatagrams) X(Raw, OutDatagrams) X(Raw, DropRcvbufFull) X(Raw, DropFilter) X(Raw, DropNoMemory) \
	/* PACKET sockets: whole frames */ \
	X(Packet, InFrames) X(Packet, OutFrames) X(Packet, DropRcvbufFull) X(Packet, DropFilter)
/* clang-format on */

enum edu_counter {
#define EDU_COUNTER_ENUM(group, name) EDU_##group##_##name,
	EDU_COUNTERS(EDU_COUNTER_ENUM)
#undef EDU_COUNTER_ENUM
		EDU_COUNTER_COUNT
};

#endif /* _EDU_COUNTERS_H */
