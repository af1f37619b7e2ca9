// SPDX-License-Identifier: GPL-2.0-only
/*
 * `edu ss`: the sockets of the family, in the manner of ss(8) (TLK "The INET Socket Layer"; TCP-8,
 * INET-7). All that is known comes from /proc/net/eduinet; who has a socket, from /proc/PID/fd.
 *
 * Locking: none, the tool has one thread.
 */
#include "ss.hh"

#include "context.hh"
#include "failure.hh"
#include "names.hh"
#include "options.hh"
#include "output.hh"

#include <netdb.h>
#include <netinet/tcp.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>

namespace edu {

namespace {

constexpr unsigned timer_retransmit = 1; /* EDU_TCP_TIMER_RETRANSMIT of include/edu/bridge.h */

struct ss_options {
	bool tcp = false, udp = false, raw = false, packet = false; /* none of them: all four */
	bool all = false, listening = false;
	bool numeric = false, resolve = false;
	bool info = false, processes = false, extended = false, timers = false, memory = false;
	bool summary = false, no_header = false, one_line = false, inet = false;
	std::vector<std::string> filter;
	std::vector<std::string> query; /* -A: kinds of sockets */
	std::string filter_file, network_namespace;
};

struct owner {
	std::string program;
	int pid, fd;
};

using owners_by_inode = std::multimap<unsigned long long, owner>;

/* ------------------------------------------------------------------------------------------------
 * Who has which socket
 */

bool to_pid(const std::string &name, int &pid)
{
	if (name.empty() || name.find_first_not_of("0123456789") != name.npos)
		return false;
	pid = std::atoi(name.c_str());
	return true;
}

/* Processes come and go meanwhile, and others' files may be none of our business: left out. */
owners_by_inode find_owners()
{
	namespace fs = std::filesystem;
	owners_by_inode found;
	std::error_code gone;

	for (fs::directory_iterator process("/proc", gone), end; !gone && process != end;
	     process.increment(gone)) {
		std::error_code closed;
		std::string program;
		int pid;

		if (!to_pid(process->path().filename(), pid))
			continue;
		for (fs::directory_iterator file(process->path() / "fd", closed);
		     !closed && file != end; file.increment(closed)) {
			std::error_code ignored;
			std::string target = fs::read_symlink(file->path(), ignored);
			unsigned long long inode;

			if (std::sscanf(target.c_str(), "socket:[%llu]", &inode) != 1)
				continue;
			if (program.empty()) {
				std::ifstream name(process->path() / "comm");
				std::getline(name, program);
			}
			found.emplace(inode, owner{program, pid,
						   std::atoi(file->path().filename().c_str())});
		}
	}
	return found;
}

/* ------------------------------------------------------------------------------------------------
 * One socket as a record
 */

const char *netid(const socket_line &line)
{
	switch (line.table) {
	case socket_table::tcp:
		return "tcp";
	case socket_table::udp:
		return "udp";
	case socket_table::raw:
		return line.type == SOCK_DGRAM ? "icmp" : "raw";
	case socket_table::packet:
		break;
	}
	return "p_raw";
}

std::string shown_host(const socket_line &line, in_addr_t address, const ss_options &o)
{
	std::string text = show_address(address);

	if (o.resolve && address) {
		std::string name = host_name(address);

		if (!name.empty())
			text = name;
	}
	return line.bound_if && address == line.local ? text + "%" + device_name(line.bound_if) :
							text;
}

std::string shown_port(const socket_line &line, std::uint16_t port, const ss_options &o)
{
	if (line.table == socket_table::raw && line.type != SOCK_DGRAM) {
		const protoent *protocol = o.numeric ? nullptr : getprotobynumber(port);

		return protocol ? protocol->p_name : std::to_string(port);
	}
	if (!port)
		return "*";
	if (!o.numeric && line.table != socket_table::raw) {
		const servent *service = getservbyport(htons(port), netid(line));

		if (service)
			return service->s_name;
	}
	return std::to_string(port);
}

void fill_ends(record &item, const socket_line &line, const ss_options &o)
{
	if (line.table == socket_table::packet) {
		const bool all = line.local_port == 3; /* ETH_P_ALL */

		item["src"] = all ? "*" : fmt::format("[{:04x}]", line.local_port);
		item["sport"] = line.bound_if > 0 ? device_name(line.bound_if) :
				line.bound_if < 0 ? "(gone)" :
						    "*";
		item["dst"] = "";
		item["dport"] = "*";
		return;
	}
	item["src"] = shown_host(line, line.local, o);
	item["sport"] = shown_port(line, line.local_port, o);
	item["dst"] = line.remote ? shown_host({}, line.remote, o) : "0.0.0.0";
	item["dport"] = line.remote_port || line.table != socket_table::raw ?
				shown_port(line, line.remote_port, o) :
				"*";
}

const char *timer_name(unsigned timer)
{
	static constexpr const char *names[] = {"off",	    "on",      "keepalive",
						"timewait", "persist", "delack"};

	return timer < std::size(names) ? names[timer] : "unknown";
}

/* A detail as a number; 0 when the file does not tell it. */
unsigned long long detail(const socket_line &line, const char *name)
{
	auto found = line.details.find(name);

	return found == line.details.end() ? 0 : std::strtoull(found->second.c_str(), nullptr, 10);
}

/* The values of `-i`, in ss's order and under its names and units; what is 0 there is left out. */
record tcp_details(const socket_line &line)
{
	const auto mss = std::max(detail(line, "mss"), 1ull);
	const auto srtt = detail(line, "srtt"), cwnd = detail(line, "cwnd");
	const auto options = detail(line, "options"), ssthresh = detail(line, "ssthresh");
	record info = record::object();
	auto count = [&](const char *key, unsigned long long value) {
		if (value)
			info[key] = value;
	};
	auto segments = [&](const char *key) { return (detail(line, key) + mss - 1) / mss; };

	if (options & TCPI_OPT_TIMESTAMPS)
		info["ts"] = true;
	if (options & TCPI_OPT_SACK)
		info["sack"] = true;
	if (line.details.contains("cong") && !line.details.at("cong").empty())
		info["cong"] = line.details.at("cong");
	if (options & TCPI_OPT_WSCALE)
		info["wscale"] = line.details.at("wscale");
	count("rto", detail(line, "rto"));
	if (srtt) {
		info["rtt"] = srtt / 1000.0;
		info["rttvar"] = detail(line, "rttvar") / 1000.0;
	}
	count("ato", detail(line, "ato"));
	count("mss", detail(line, "mss"));
	count("pmtu", detail(line, "pmtu"));
	count("rcvmss", detail(line, "rcvmss"));
	count("advmss", detail(line, "advmss"));
	count("cwnd", cwnd / mss);
	if (ssthresh != 0xffffffff)
		count("ssthresh", ssthresh / mss);
	for (const char *key : {"bytes_sent", "bytes_retrans", "bytes_acked", "bytes_received",
				"segs_out", "segs_in"})
		count(key, detail(line, key));
	if (srtt)
		count("send", cwnd * 8 * 1000000 / srtt);
	for (const char *key : {"lastsnd", "lastrcv", "lastack"})
		count(key, detail(line, key));
	count("unacked", segments("unacked"));
	count("retrans", segments("retrans"));
	count("total_retrans", detail(line, "total_retrans"));
	count("lost", segments("lost"));
	count("sacked", segments("sacked"));
	if (detail(line, "reordering") != 3)
		count("reordering", detail(line, "reordering"));
	count("rcv_wnd", detail(line, "rcv_wnd"));
	count("snd_wnd", detail(line, "snd_wnd"));
	return info;
}

record make_record(const socket_line &line, const ss_options &o, const owners_by_inode &owners)
{
	record item;

	item["netid"] = netid(line);
	item["state"] = state_name(line.state);
	item["recv_q"] = line.receive_queue;
	item["send_q"] = line.send_queue;
	fill_ends(item, line, o);
	if (o.processes && line.inode) {
		auto [first, last] = owners.equal_range(line.inode);

		for (; first != last; ++first)
			item["processes"].push_back({{"name", first->second.program},
						     {"pid", first->second.pid},
						     {"fd", first->second.fd}});
	}
	if ((o.timers || o.extended) && line.timer)
		item["timer"] = {{"name", timer_name(line.timer)},
				 {"expires", line.timer_ms},
				 {"retrans",
				  line.timer == timer_retransmit ? line.retransmits : line.probes}};
	if (o.extended) {
		item["uid"] = line.uid;
		item["ino"] = line.inode;
		item["refs"] = line.references;
	}
	if (o.memory && line.table != socket_table::tcp)
		item["mem"] = {
			{"r", line.receive_queue}, {"t", line.send_queue}, {"d", line.drops}};
	if (o.memory && line.details.contains("rmem"))
		item["mem"] = {{"r", detail(line, "rmem")}, {"t", detail(line, "wmem")}};
	if (o.info && !line.details.empty())
		item["info"] = tcp_details(line);
	return item;
}

/* ------------------------------------------------------------------------------------------------
 * Records as text
 */

std::string info_text(const record &info)
{
	std::string text;

	for (const auto &[key, value] : info.items()) {
		if (value.is_boolean())
			text += " " + key;
		else if (key == "cong")
			text += " " + value.get<std::string>();
		else if (key == "rttvar" || key == "total_retrans")
			continue; /* behind rtt and retrans */
		else if (key == "rtt")
			text += fmt::format(" rtt:{}/{}", value.get<double>(),
					    info["rttvar"].get<double>());
		else if (key == "send")
			text += fmt::format(" send {}bps", value.get<unsigned long long>());
		else if (value.is_string())
			text += " " + key + ":" + value.get<std::string>();
		else if (key != "retrans")
			text += fmt::format(" {}:{}", key, value.get<unsigned long long>());
	}
	if (info.contains("total_retrans"))
		text += fmt::format(" retrans:{}/{}", info.value("retrans", 0u),
				    info["total_retrans"].get<unsigned>());
	return text;
}

std::string process_text(const record &list)
{
	std::string text;

	for (const auto &one : list)
		text += fmt::format("{}(\"{}\",pid={},fd={})", text.empty() ? "" : ",",
				    one["name"].get<std::string>(), one["pid"].get<int>(),
				    one["fd"].get<int>());
	return " users:(" + text + ")";
}

/* What stands behind the columns. */
std::string rest_text(const record &item, bool one_line)
{
	std::string text, below;

	if (item.contains("processes"))
		text += process_text(item["processes"]);
	if (item.contains("timer"))
		text += fmt::format(" timer:({},{},{})", item["timer"]["name"].get<std::string>(),
				    show_timer(item["timer"]["expires"].get<unsigned>()),
				    item["timer"]["retrans"].get<unsigned>());
	if (item.value("uid", 0u))
		text += fmt::format(" uid:{}", item["uid"].get<unsigned>());
	if (item.contains("ino"))
		text += fmt::format(" ino:{} refs:{}", item["ino"].get<unsigned long long>(),
				    item["refs"].get<unsigned>());
	if (item.contains("mem")) {
		below += " mem:(";
		for (const auto &[key, value] : item["mem"].items())
			below += fmt::format("{}{}{}", below.back() == '(' ? "" : ",", key,
					     value.get<unsigned long long>());
		below += ")";
	}
	if (item.contains("info"))
		below += info_text(item["info"]);
	if (!below.empty())
		text += (one_line ? "" : "\n\t") + below;
	return text;
}

std::string end_text(const record &item, const char *host, const char *port)
{
	std::string text = item[host].get<std::string>();

	return text.empty() ? item[port].get<std::string>() :
			      text + ":" + item[port].get<std::string>();
}

/* Columns as wide as what they hold; those of ss(8). */
void print_columns(const std::vector<record> &items, const ss_options &o, bool with_netid)
{
	std::vector<std::vector<std::string>> rows;
	std::vector<std::size_t> widths(6);

	if (!o.no_header)
		rows.push_back({"Netid", "State", "Recv-Q", "Send-Q", "Local Address:Port",
				"Peer Address:Port", o.processes ? " Process" : ""});
	for (const auto &item : items)
		rows.push_back({value_of(item, "netid"), value_of(item, "state"),
				value_of(item, "recv_q"), value_of(item, "send_q"),
				end_text(item, "src", "sport"), end_text(item, "dst", "dport"),
				rest_text(item, o.one_line)});
	for (const auto &row : rows)
		for (std::size_t i = 0; i < widths.size(); i++)
			widths[i] = std::max(widths[i], row[i].size());
	for (const auto &row : rows) {
		std::string text;

		for (std::size_t i = with_netid ? 0 : 1; i < widths.size(); i++)
			text += i < 4 ? fmt::format("{:<{}} ", row[i], widths[i]) :
					fmt::format("{:>{}} ", row[i], widths[i]);
		text.pop_back();
		std::cout << text << row[6] << "\n";
	}
}

/* ------------------------------------------------------------------------------------------------
 * The command
 */

std::vector<socket_line> read_table(socket_table table)
{
	std::ifstream file(std::string("/proc/net/eduinet/") + table_name(table));

	if (!file)
		refused("/proc/net/eduinet/{} cannot be read: this module shows no such sockets",
			table_name(table));
	return read_sockets(file, table);
}

std::vector<socket_table> wanted_tables(const ss_options &o)
{
	const bool any = !o.tcp && !o.udp && !o.raw && !o.packet;
	std::vector<socket_table> tables;

	if (o.packet || any)
		tables.push_back(socket_table::packet);
	if (o.raw || any)
		tables.push_back(socket_table::raw);
	if (o.udp || any)
		tables.push_back(socket_table::udp);
	if (o.tcp || any)
		tables.push_back(socket_table::tcp);
	return tables;
}

/* TCP sockets that are bound and no more do not listen; the other kinds never do and count as such. */
unsigned default_states(const ss_options &o, socket_table table)
{
	const unsigned listening = 1u << (table == socket_table::tcp ? TCP_LISTEN : TCP_CLOSE);

	if (o.all)
		return states_all;
	if (o.listening)
		return listening | 1u << TCP_LISTEN;
	return states_by_default();
}

/* -A: kinds by ss's names. Kinds of other families are none of ours, and there are none of them. */
void read_query(ss_options &o)
{
	for (const auto &kind : o.query) {
		const bool all = kind == "all", inet = all || kind == "inet";

		if (!inet && kind != "tcp" && kind != "udp" && kind != "raw" && kind != "packet" &&
		    kind != "packet_raw")
			usage_error(
				"the kind of sockets `{}` is unknown: all, inet, tcp, udp, raw, "
				"packet, packet_raw",
				kind);
		o.tcp |= inet || kind == "tcp";
		o.udp |= inet || kind == "udp";
		o.raw |= inet || kind == "raw";
		o.packet |= all || kind.starts_with("packet");
	}
}

/* -F: words of a filter in a file, before those of the command line. What follows # says nothing. */
void read_filter_file(ss_options &o)
{
	if (o.filter_file.empty())
		return;
	std::ifstream file;
	const bool input = o.filter_file == "-";
	if (!input)
		file.open(o.filter_file);
	if (!input && !file)
		usage_error("the filter {} cannot be read", o.filter_file);
	std::vector<std::string> from_file;
	for (std::string line; std::getline(input ? std::cin : file, line);) {
		std::istringstream in(line);

		for (std::string word; in >> word && word[0] != '#';)
			from_file.push_back(word);
	}
	o.filter.insert(o.filter.begin(), from_file.begin(), from_file.end());
}

void print_summary(const context &ctx)
{
	record counts;
	std::size_t total = 0;

	for (auto table : wanted_tables({})) {
		auto lines = read_table(table);
		record &entry = counts[table_name(table)];

		entry["total"] = lines.size();
		total += lines.size();
		for (unsigned state = 1; state <= TCP_CLOSING && table == socket_table::tcp;
		     state++) {
			auto these =
				std::count_if(lines.begin(), lines.end(), [&](const auto &line) {
					return line.state == state;
				});

			if (these)
				entry[state_name(state)] = these;
		}
		if (table == socket_table::tcp)
			entry["orphaned"] =
				std::count_if(lines.begin(), lines.end(), [](const auto &line) {
					return !line.inode && line.state != TCP_TIME_WAIT;
				});
	}
	if (ctx.json) {
		counts["total"] = total;
		print_object(ctx, std::cout, counts);
		return;
	}
	const record &tcp = counts["tcp"];
	fmt::print("Total: {}\nTCP:   {} (estab {}, closed {}, orphaned {}, timewait {})\n\n",
		   total, tcp["total"].get<unsigned>(), tcp.value("ESTAB", 0u),
		   tcp.value("UNCONN", 0u), tcp["orphaned"].get<unsigned>(),
		   tcp.value("TIME-WAIT", 0u));
	fmt::print("{:<10}{}\n", "Transport", "Total");
	for (const char *table : {"packet", "raw", "udp", "tcp"})
		fmt::print("{:<10}{}\n", table, counts[table]["total"].get<unsigned>());
}

void add_options(CLI::App &app, ss_options &o, bool &json)
{
	app.add_flag("-t,--tcp", o.tcp, "TCP");
	app.add_flag("-u,--udp", o.udp, "UDP");
	app.add_flag("-w,--raw", o.raw, "RAW and ping sockets");
	app.add_flag("-0,--packet", o.packet, "SOCK_PACKET");
	app.add_flag("-4,--ipv4", o.inet, "nothing but IPv4, which is all there is");
	app.add_flag("-a,--all", o.all, "in every state");
	app.add_flag("-l,--listening", o.listening, "only those that listen");
	app.add_flag("-n,--numeric", o.numeric, "ports as numbers");
	app.add_flag("-r,--resolve", o.resolve, "addresses as names");
	app.add_flag("-i,--info", o.info, "what TCP knows of the connection");
	app.add_flag("-p,--processes", o.processes, "the programs that have the socket");
	app.add_flag("-e,--extended", o.extended, "timer, user, inode, references");
	app.add_flag("-o,--options", o.timers, "the timer");
	app.add_flag("-m,--memory", o.memory, "memory the socket is charged for; drops");
	app.add_flag("-s,--summary", o.summary, "how many there are");
	app.add_flag("-H,--no-header", o.no_header, "no head line");
	app.add_flag("-O,--oneline", o.one_line, "one line for each socket");
	app.add_option("-A,--query,--socket", o.query, "kinds: all, inet, tcp, udp, raw, packet")
		->delimiter(',')
		->type_name("KIND")
		->expected(1)
		->take_all();
	app.add_option("-F,--filter", o.filter_file, "read FILTER from a file, - is the input")
		->type_name("FILE");
	app.add_option("-N,--net", o.network_namespace, "in the network namespace NAME")
		->type_name("NAME");
	app.add_flag("-j,--json", json, "JSON");
	app.add_option(
		"FILTER", o.filter,
		"state STATE | exclude STATE; src, dst, sport, dport, dev; and, or, not, ( )");
}

} // namespace

int run_ss(context &ctx, words &in)
{
	CLI::App app("the sockets: those with a peer, without -a or -l", "edu ss");
	ss_options o;
	bool json = false;

	add_options(app, o, json);
	if (auto status = parse_options(app, in))
		return *status;
	ctx.json |= json;
	read_query(o);
	read_filter_file(o);
	if (!o.network_namespace.empty())
		enter_namespace(o.network_namespace);
	ctx.require_family();
	if (o.summary) {
		print_summary(ctx);
		return exit_ok;
	}

	const socket_filter filter = parse_filter(o.filter);
	const owners_by_inode owners = o.processes ? find_owners() : owners_by_inode{};
	const auto tables = wanted_tables(o);
	std::vector<record> items;

	for (auto table : tables) {
		socket_filter here = filter;

		if (!here.states)
			here.states = default_states(o, table);
		for (const auto &line : read_table(table))
			if (here.wants(line))
				items.push_back(make_record(line, o, owners));
	}
	if (!ctx.json) {
		print_columns(items, o, tables.size() > 1);
		return exit_ok;
	}
	record_list list(ctx, std::cout, [](const record &) { return std::string(); });
	for (const auto &item : items)
		list.add(item);
	list.finish();
	return exit_ok;
}

} // namespace edu
