// SPDX-License-Identifier: GPL-2.0-only
/*
 * The page of `edu trace --html`. Everything is drawn from the steps (the objects of `edu -j trace`) and
 * one number, the step that is looked at. Text off the network is only ever set as text.
 */
"use strict";

(() => {
	const trace = JSON.parse(document.getElementById("trace").textContent);
	const steps = trace.steps.filter((step) => step.kind !== "host");
	const LAYERS = ["program", "BSD socket", "INET socket", "transport", "IP", "ARP", "device", "cable"];
	const LANES = ["program", "BSD socket", "INET socket", "TCP/UDP/RAW/ICMP", "IP", "ARP", "device", "cable"];
	const hosts = new Map(trace.hosts.map((host) => [host.netns, host]));
	const start = steps.length ? steps[0].time : 0;

	let shown = steps; // those that packet and host choose
	let at = 0; // index in shown
	let timer = null; // of play
	let listed = [0, 0]; // what of `shown` the list holds

	const $ = (id) => document.getElementById(id);
	const SVG = "http://www.w3.org/2000/svg";

	/* An element with attributes and children; strings become text. */
	function make(name, attributes = {}, ...children) {
		const svg = make.svg.has(name);
		const element = svg ? document.createElementNS(SVG, name) : document.createElement(name);
		for (const [key, value] of Object.entries(attributes))
			if (key === "click") element.addEventListener("click", value);
			else if (value !== undefined && value !== false) element.setAttribute(key, value);
		element.append(...children.filter((child) => child !== null && child !== undefined));
		return element;
	}
	make.svg = new Set(["svg", "g", "rect", "line", "path", "text", "circle", "polyline", "title", "tspan"]);

	const ms = (step) => ((step.time - start) / 1e6).toFixed(3);
	const kind = (step) => (step.kind === "packet" ? step.way || "other" :
		["drop", "lost"].includes(step.kind) ? step.kind :
		step.kind === "other" ? "other" : "decision");
	const named = (step) => (step.kind === "packet" || step.kind === "tcp" ? step.event :
		step.kind === "drop" ? "drop" : step.kind === "lost" ? "lost" : step.layer || step.event);
	const short = (text, most) => (text.length > most ? text.slice(0, most - 1) + "…" : text);
	const textWidth = (text, size = 7.8) => text.length * size;

	/* Drawings are as wide as their place, so that their text keeps its size. */
	const widthOf = (box) => Math.max(560, box.clientWidth || 1200);

	/* ---- what belongs together -------------------------------------------------------------- */

	const lives = new Map(); // packet -> its steps
	const summaries = new Map(); // packet -> what it is
	for (const step of steps) {
		if (!step.packet) continue;
		if (!lives.has(step.packet)) lives.set(step.packet, []);
		lives.get(step.packet).push(step);
		if (step.summary) summaries.set(step.packet, step.summary);
	}
	const byNumber = new Map(steps.map((step) => [step.step, step]));
	for (const step of steps)
		for (const number of step.decisions || [])
			if (byNumber.has(number)) byNumber.get(number).for = step.packet;

	/* ---- the bar -------------------------------------------------------------------------------- */

	function fillChoices() {
		for (const packet of lives.keys())
			$("packet").append(make("option", { value: packet },
				short(`#${packet} ${summaries.get(packet) || ""}`, 60)));
		for (const host of trace.hosts)
			$("host").append(make("option", { value: host.netns }, hostName(host.netns)));
	}

	function hostName(netns) {
		const host = hosts.get(netns);
		if (!host) return "";
		return host.addresses.length ? `${host.name} (${host.addresses.join(", ")})` : host.name;
	}

	function choose() {
		const packet = Number($("packet").value) || 0;
		const netns = Number($("host").value) || 0;
		const former = shown[at];
		shown = steps.filter((step) => step.kind === "lost" ||
			((!packet || step.packet === packet || step.for === packet) && (!netns || step.netns === netns)));
		const same = shown.indexOf(former);
		listed = [0, 0];
		$("steps").replaceChildren();
		$("position").max = Math.max(shown.length - 1, 0);
		go(same >= 0 ? same : 0);
	}

	function go(index) {
		at = Math.max(0, Math.min(index, shown.length - 1));
		draw();
	}

	/* The next step of the same packet, or of the one it becomes. */
	function goAlong(direction) {
		const packet = shown[at] && (shown[at].packet || shown[at].for);
		for (let i = at + direction; i >= 0 && i < shown.length; i += direction)
			if (shown[i].packet === packet || shown[i].for === packet ||
			    (direction > 0 && shown[i].begins && shown[i].parent === packet))
				return go(i);
		return undefined;
	}

	function play(on) {
		clearInterval(timer);
		timer = on ? setInterval(() => (at + 1 < shown.length ? go(at + 1) : play(false)), 700) : null;
		$("play").setAttribute("aria-pressed", String(Boolean(on)));
		$("play").lastElementChild.textContent = on ? "Pause" : "Play";
		$("play").firstElementChild.textContent = on ? "❚❚" : "▶▶";
	}

	/* ---- the step in words ---------------------------------------------------------------------- */

	function drawNow(step) {
		const title = $("now-title");
		title.replaceChildren();
		if (!step) {
			title.append("No step to show");
			$("now-text").textContent = "";
			return;
		}
		title.append(make("span", { class: "event" }, named(step)), ` ${step.text}`);
		const about = [`${ms(step)} ms`];
		if (step.host) about.push(hostName(step.netns) || step.host);
		if (step.packet) about.push(`packet #${step.packet}${step.parent ? ` (${step.relation} from #${step.parent})` : ""}`);
		if (step.summary) about.push(step.summary);
		if (step.process) about.push(`process ${step.process}`);
		if (step.socket) about.push(`socket ${step.socket}`);
		$("now-text").textContent = about.join(" · ");
	}

	/* ---- the layers ------------------------------------------------------------------------------ */

	/* Where on its way a step stands: what a program hands over has come from the first lane. */
	function laneOf(step) {
		return Math.max(0, LAYERS.indexOf(step.layer));
	}

	function markShape(step, x, y) {
		const k = kind(step);
		const shapes = {
			out: `M${x - 6} ${y - 5}h12l-6 11z`,
			in: `M${x - 6} ${y + 5}h12l-6 -11z`,
			across: `M${x - 5} ${y - 5}h10v10h-10z`,
			decision: `M${x} ${y - 7}l7 7l-7 7l-7 -7z`,
			drop: `M${x - 6} ${y - 3}l3 -3l3 3l3 -3l3 3l-3 3l3 3l-3 3l-3 -3l-3 3l-3 -3l3 -3z`,
		};
		shapes.lost = shapes.drop;
		return shapes[k] || `M${x - 4} ${y}a4 4 0 1 0 8 0a4 4 0 1 0 -8 0`;
	}

	function drawLanes(current) {
		const width = widthOf($("lanes")), left = 150, row = 34, top = 26;
		const room = Math.max(8, Math.floor((width - left - 20) / 29)); // steps in view
		const from = Math.max(0, Math.min(at - Math.floor(room / 2), shown.length - room));
		const view = shown.slice(from, from + room);
		const gap = (width - left - 20) / Math.max(room, 1);
		const x = (i) => left + gap / 2 + i * gap;
		const y = (lane) => top + lane * row + row / 2;
		const height = top + LANES.length * row + 30;
		const svg = make("svg", { viewBox: `0 0 ${width} ${height}`, role: "img",
			"aria-label": `The way through the layers; now at ${current ? current.layer || "no layer" : "nothing"}` });
		const here = current && current.layer ? laneOf(current) : -1;

		LANES.forEach((name, i) => {
			svg.append(make("rect", { x: 0, y: top + i * row, width, height: row,
				class: `lane${i % 2 ? " odd" : ""}${i === here ? " here" : ""}` }));
			svg.append(make("text", { x: 10, y: y(i) + 4, class: i === here ? "strong" : "" }, name));
		});
		drawHostSpans(svg, view, x, gap);
		const chosen = current && (current.packet || current.for);
		const ways = new Map();
		view.forEach((step, i) => {
			if (!step.packet || step.kind !== "packet") return;
			if (!ways.has(step.packet)) ways.set(step.packet, []);
			const way = ways.get(step.packet);
			if (step.event === "sock_send") way.push([x(i) - gap * 0.4, y(0)]);
			if (step.event === "dev_rcv") way.push([x(i) - gap * 0.4, y(7)]);
			way.push([x(i), y(laneOf(step))]);
			if (step.event === "dev_send") way.push([x(i) + gap * 0.4, y(7)]);
		});
		for (const [packet, way] of [...ways].sort((a) => (a[0] === chosen ? 1 : -1)))
			svg.append(make("polyline", { class: `way${packet === chosen ? " chosen" : ""}`,
				points: way.map((p) => p.join(",")).join(" ") }));
		view.forEach((step, i) => {
			const lane = step.layer ? laneOf(step) : 0;
			svg.append(make("path", { class: `mark ${kind(step)}`, d: markShape(step, x(i), y(lane)),
				click: () => go(from + i) },
			make("title", {}, `${named(step)}: ${step.text}`)));
			if (step !== current) return;
			svg.append(make("line", { class: "cursor", x1: x(i), x2: x(i), y1: top, y2: y(lane) - 10 }));
			svg.append(make("circle", { class: "ring", cx: x(i), cy: y(lane), r: 12 }));
			svg.append(make("text", { x: x(i), y: y(lane) + 27, class: "mono strong halo", "text-anchor": "middle" },
				named(step)));
		});
		drawKey(svg, height - 10);
		$("lanes").replaceChildren(svg);
	}

	/* Which host the steps belong to, above the lanes. */
	function drawHostSpans(svg, view, x, gap) {
		for (let i = 0; i < view.length;) {
			let end = i;
			while (end + 1 < view.length && view[end + 1].netns === view[i].netns) end++;
			const from = x(i) - gap / 2 + 2, to = x(end) + gap / 2 - 2;
			svg.append(make("line", { class: "host-span", x1: from, x2: to, y1: 20, y2: 20 }));
			const name = view[i].host || "";
			if (textWidth(name) < to - from + 4)
				svg.append(make("text", { x: (from + to) / 2, y: 14, "text-anchor": "middle", class: "small" }, name));
			i = end + 1;
		}
	}

	function drawKey(svg, y) {
		let x = 16;
		for (const [name, text] of [["out", "on its way out"], ["in", "on its way in"], ["across", "forwarded"],
			["decision", "decision"], ["drop", "dropped"]]) {
			const step = { kind: name === "decision" ? "route" : name === "drop" ? "drop" : "packet", way: name };
			svg.append(make("path", { class: `key ${name}`, d: markShape(step, x, y - 4) }));
			svg.append(make("text", { x: x + 12, y, class: "soft small" }, text));
			x += 112;
		}
	}

	/* ---- the sk_buff ---------------------------------------------------------------------------- */

	/* Octets to pixels. Headers are small and payloads large: each part gets by the root of its size,
	 * and the same in all steps of the packet, so that pointers move and nothing else does. */
	function memoryScale(life, head, width, left) {
		const marks = new Set([0]);
		for (const step of life) {
			if (!step.after || step.after.head !== head) continue;
			for (const key of ["data", "tail", "end"]) marks.add(step.after[key]);
			for (const header of step.headers || []) {
				if (header.at + header.length > step.after.end) continue;
				marks.add(header.at);
				marks.add(header.at + header.length);
			}
		}
		const sorted = [...marks].sort((a, b) => a - b);
		const weights = sorted.slice(1).map((to, i) => 34 + 7 * Math.sqrt(to - sorted[i]));
		const sum = weights.reduce((a, b) => a + b, 0) || 1;
		const places = [left];
		weights.forEach((weight, i) => places.push(places[i] + (weight / sum) * width));
		return (octet) => {
			const i = sorted.indexOf(octet);
			if (i >= 0) return places[i];
			const j = sorted.findIndex((mark) => mark > octet);
			if (j < 0) return places[places.length - 1];
			return places[j - 1] + ((octet - sorted[j - 1]) / (sorted[j] - sorted[j - 1])) * (places[j] - places[j - 1]);
		};
	}

	/* The headers met so far in this memory; a later reading of the same place wins. */
	function headersUpTo(life, current, head) {
		const found = new Map();
		for (const step of life) {
			if (step.after && step.after.head === head)
				for (const header of step.headers || []) {
					if (header.at + header.length > step.after.end) continue;
					for (const [place, other] of found)
						if (place < header.at + header.length && place + other.length > header.at) found.delete(place);
					found.set(header.at, header);
				}
			if (step === current) break;
		}
		return [...found.values()].sort((a, b) => a.at - b.at);
	}

	const LEFT = 24, BAR = 62, HIGH = 58;

	function drawMemory(current) {
		const box = $("memory");
		const life = current && current.packet ? lives.get(current.packet) : null;
		const now = current && current.after;

		if (!now) {
			const text = current && current.kind !== "packet" ?
				"This step moves no packet." : "No packet.";
			box.replaceChildren(make("p", { class: "empty" }, text));
			box.dataset.packet = "";
			return;
		}
		const width = widthOf(box);
		const scale = memoryScale(life, now.head, width - 2 * LEFT - 12, LEFT);
		const key = `${current.packet}/${now.head}/${width}`;
		let svg = box.querySelector("svg");
		if (box.dataset.packet !== key || !svg) {
			svg = make("svg", { viewBox: `0 0 ${width} 190`, role: "img" }, make("g", { class: "parts" }),
				...["head", "data", "tail", "end"].map((name) => make("g", { class: "pointer", "data-name": name },
					make("line", { x1: 0, x2: 0, y1: BAR - 8, y2: BAR + HIGH + 10 }),
					make("path", { d: `M-5 ${BAR - 8}h10l-5 9z` }),
					make("text", { x: 0, y: BAR - 26, "text-anchor": "middle", class: "name" }, name),
					make("text", { x: 0, y: BAR - 12, "text-anchor": "middle", class: "mono value" }))));
			box.replaceChildren(svg);
			box.dataset.packet = key;
		}
		svg.setAttribute("aria-label", `sk_buff: data at ${now.data}, tail at ${now.tail}, end at ${now.end} ` +
			`octets from head; length ${now.len}${current.change ? `; ${current.change} ${current.octets} octets` : ""}`);
		drawParts(svg.querySelector(".parts"), current, life, scale);
		movePointers(svg, current, scale);
	}

	function drawParts(group, current, life, scale) {
		const now = current.after;
		const part = (from, to, style, label, detail) => {
			if (to <= from) return;
			const a = scale(from), b = scale(to);
			group.append(make("rect", { x: a, y: BAR, width: b - a, height: HIGH, class: style },
				make("title", {}, `${label}: ${to - from} octets from +${from}${detail ? ` · ${detail}` : ""}`)));
			const wide = b - a;
			if (textWidth(label) < wide)
				group.append(make("text", { x: (a + b) / 2, y: BAR + HIGH / 2, "text-anchor": "middle", class: "strong" }, label));
			if (wide > 24)
				group.append(make("text", { x: (a + b) / 2, y: BAR + HIGH / 2 + 16, "text-anchor": "middle",
					class: "small soft" }, String(to - from)));
		};
		const headers = headersUpTo(life, current, now.head).filter((header) => header.at < now.tail);
		const names = ["Ethernet", "ARP", "IP", "UDP", "ICMP", "TCP"];

		group.replaceChildren();
		let at = 0;
		const fill = (to) => {
			part(at, Math.min(to, now.data), "room", "headroom");
			part(Math.max(at, now.data), Math.min(to, now.tail), "payload", "data");
			at = Math.max(at, to);
		};
		headers.forEach((header) => {
			fill(header.at);
			const colour = Math.max(0, names.indexOf(header.name)) % 3;
			part(header.at, header.at + header.length,
				`header-${colour}${header.at < now.data ? " left" : ""}`, header.name, header.text);
			at = header.at + header.length;
		});
		fill(now.data);
		fill(now.tail);
		part(now.tail, now.end, "room", "tailroom");
		const y = BAR + HIGH + 30;
		const rest = now.len - (now.tail - now.data);
		group.append(make("text", { x: LEFT, y: y + 34, class: "small soft" },
			`len ${now.len} · truesize ${now.truesize}` + (rest > 0 ? ` · ${rest} octets in other buffers behind it` : "")));
		/* The way a pointer has come. */
		const before = current.before && current.before.head === now.head ? current.before : null;
		const moved = before && ["data", "tail", "end"].find((name) => before[name] !== now[name]);
		if (!moved) return;
		const a = scale(before[moved]), b = scale(now[moved]);
		group.append(make("line", { class: "ghost", x1: a, x2: a, y1: BAR - 6, y2: y }));
		group.append(make("path", { class: "travel", d: `M${a} ${y}H${b}` }));
		group.append(make("path", { class: "travel-head", d: b < a ? `M${b} ${y}l9 -5v10z` : `M${b} ${y}l-9 -5v10z` }));
		group.append(make("text", { x: (a + b) / 2, y: y + 17, "text-anchor": "middle", class: "small strong" },
			`${current.change} ${current.octets}${current.header ? ` (${current.header})` : ""}`));
	}

	function movePointers(svg, current, scale) {
		const now = current.after;
		const before = current.before && current.before.head === now.head ? current.before : now;
		const places = { head: 0, data: now.data, tail: now.tail, end: now.end };
		let last = -100, raised = false;

		for (const pointer of svg.querySelectorAll(".pointer")) {
			const name = pointer.dataset.name;
			const x = scale(places[name]);
			/* Names of pointers at one place stand above each other. */
			raised = x - last < 44 && !raised;
			last = x;
			pointer.querySelector(".name").setAttribute("y", raised ? BAR - 46 : BAR - 26);
			pointer.querySelector(".value").setAttribute("y", raised ? BAR + HIGH + 22 : BAR - 12);
			pointer.querySelector(".value").textContent = name === "head" ? "0" : `+${places[name]}`;
			pointer.style.transform = `translateX(${x}px)`;
			pointer.classList.toggle("moved", name !== "head" && before[name] !== now[name]);
		}
	}

	function drawHeaders(current) {
		const rows = (current && current.headers) || [];
		$("headers").tBodies[0].replaceChildren(...rows.map((header) => make("tr", {},
			make("td", {}, header.name), make("td", {}, `${header.length} at +${header.at}`), make("td", {}, header.text))));
		const data = (current && current.data) || "";
		$("octets-box").hidden = !data;
		const lines = [];
		for (let i = 0; i < data.length; i += 32) {
			const octets = data.slice(i, i + 32).match(/../g) || [];
			const text = octets.map((octet) => parseInt(octet, 16))
				.map((code) => (code > 31 && code < 127 ? String.fromCharCode(code) : "."));
			lines.push(`+${String((current.first || 0) + i / 2).padEnd(5)} ${octets.join(" ").padEnd(48)} ${text.join("")}`);
		}
		$("octets").textContent = lines.join("\n");
	}

	/* ---- the list ------------------------------------------------------------------------------- */

	const LISTED = 300; // items; more would make a large trace slow

	function drawList() {
		const list = $("steps");
		if (at < listed[0] || at >= listed[1]) {
			const from = Math.max(0, Math.min(at - LISTED / 2, shown.length - LISTED));
			fillList(from, Math.min(shown.length, from + LISTED));
		}
		for (const old of list.querySelectorAll("[aria-selected=true]")) old.setAttribute("aria-selected", "false");
		const item = list.children[at - listed[0]];
		if (!item) {
			list.removeAttribute("aria-activedescendant");
			return;
		}
		item.setAttribute("aria-selected", "true");
		list.setAttribute("aria-activedescendant", item.id);
		const above = item.offsetTop - list.offsetTop;
		if (above < list.scrollTop + 60 || above > list.scrollTop + list.clientHeight - 90)
			list.scrollTop = above - list.clientHeight / 2;
	}

	function fillList(from, to) {
		listed = [from, to];
		$("steps").replaceChildren(...shown.slice(from, to).map((step, i) => make("li", {
			id: `step-${step.step}`, role: "option", class: kind(step), "aria-selected": "false",
			"aria-setsize": shown.length, "aria-posinset": from + i + 1, click: () => go(from + i) },
		make("span", { class: "time" }, ms(step)),
		make("span", { class: "host", title: step.host }, step.host || ""),
		make("span", { class: "id" }, step.packet ? `#${step.packet}` : ""),
		make("span", {}, make("b", {}, named(step)), ` ${step.text}`))));
	}

	/* ---- between hosts --------------------------------------------------------------------------- */

	const stations = new Map(); // hardware address -> netns
	for (const host of trace.hosts) for (const station of host.stations) stations.set(station, host.netns);
	for (const step of steps)
		if (step.event === "dev_rcv" && step.station_to && !(parseInt(step.station_to.slice(0, 2), 16) & 1))
			if (!stations.has(step.station_to)) stations.set(step.station_to, step.netns);

	/* Who sends and who is meant: a host of the trace, else the address. */
	function endOf(station, address) {
		return stations.has(station) ? stations.get(station) : address || station || "?";
	}

	const frames = []; // { from, to: [...], step, label, packets }
	const sentFrames = new Map(); // packet -> its last frame
	for (const step of steps) {
		if (step.event === "dev_send") {
			const group = step.station_to && parseInt(step.station_to.slice(0, 2), 16) & 1;
			const frame = { from: step.netns, to: [], group, step, packets: new Set([step.packet]),
				meant: group ? "all" : endOf(step.station_to, step.destination), label: step.summary || step.text };
			frames.push(frame);
			sentFrames.set(step.packet, frame);
		} else if (step.event === "dev_rcv") {
			const sent = step.relation === "received" && sentFrames.get(step.parent);
			if (sent) {
				sent.to.push(step.netns);
				sent.packets.add(step.packet);
			} else {
				frames.push({ from: endOf(step.station_from, step.source), to: [step.netns], step,
					packets: new Set([step.packet]), label: step.summary || step.text });
			}
		}
	}
	const columns = [];
	for (const frame of frames) {
		if (!frame.to.length && frame.meant !== "all") frame.to.push(frame.meant);
		for (const end of [frame.from, ...frame.to]) if (!columns.includes(end)) columns.push(end);
	}

	function drawSequence(current, all) {
		const box = $("sequence");
		if (!frames.length) {
			box.replaceChildren(make("p", { class: "empty" }, "No frame was sent or received."));
			return;
		}
		const width = widthOf(box), row = 40, top = 4, head = 44;
		const last = frames.reduce((found, frame, i) => (current && frame.step.step <= current.step ? i : found), 0);
		const room = all ? frames.length : 60;
		const from = Math.max(0, Math.min(last - room / 2, frames.length - room));
		const view = frames.slice(from, from + room);
		const gap = width / Math.max(columns.length, 2);
		const x = (end) => gap / 2 + columns.indexOf(end) * gap + (columns.length < 2 ? gap / 2 : 0);
		const height = top + view.length * row + 12;
		const svg = make("svg", { viewBox: `0 0 ${width} ${height}`, role: "img",
			"aria-label": `${frames.length} frames between ${columns.length} hosts` });

		const titles = make("svg", { viewBox: `0 0 ${width} ${head}`, class: "titles", role: "presentation" });
		for (const end of columns) {
			svg.append(make("line", { class: "life", x1: x(end), x2: x(end), y1: 0, y2: height }));
			titles.append(make("rect", { class: "column", x: x(end) - gap / 2 + 6, y: 4, width: gap - 12, height: 36, rx: 6 }));
			const host = hosts.get(end);
			titles.append(make("text", { x: x(end), y: host ? 19 : 27, "text-anchor": "middle", class: "strong" },
				short(host ? host.name : String(end), Math.floor(gap / 7.5))));
			if (host) titles.append(make("text", { x: x(end), y: 33, "text-anchor": "middle", class: "small soft" },
				short(host.addresses.join(", "), Math.floor(gap / 7))));
		}
		let chosenAt = null;
		view.forEach((frame, i) => {
			const y = top + i * row;
			const chosen = current && frame.packets.has(current.packet || current.for);
			if (chosen) chosenAt = y;
			svg.append(drawFrame(frame, y, row, width, x, chosen, current && frame.step.step > current.step, current));
		});
		box.replaceChildren(titles, svg);
		if (all) return;
		const zoom = svg.clientWidth / width;
		const wanted = chosenAt === null ? top + (last - from) * row : chosenAt;
		if (wanted * zoom < box.scrollTop || wanted * zoom > box.scrollTop + box.clientHeight - head - 60)
			box.scrollTop = wanted * zoom - box.clientHeight / 2;
	}

	function drawFrame(frame, y, row, width, x, chosen, future) {
		const index = shown.indexOf(frame.step);
		const group = make("g", { class: `frame${chosen ? " chosen" : ""}${future ? " future" : ""}`,
			click: () => index >= 0 && go(index) },
		make("title", {}, `${ms(frame.step)} ms: ${frame.label}`),
		make("rect", { class: "hit", x: 2, y: y - 2, width: width - 4, height: row - 4, rx: 4 }));
		const line = y + 26;
		const a = x(frame.from);
		for (const to of frame.to) {
			const b = x(to);
			if (a === b) {
				group.append(make("polyline", { points: `${a},${line - 8} ${a + 36},${line - 8} ${a + 36},${line + 4} ${a + 8},${line + 4}` }));
				group.append(make("path", { d: `M${a + 1} ${line + 4}l9 -5v10z` }));
				continue;
			}
			group.append(make("line", { x1: a, x2: b + (b > a ? -9 : 9), y1: line, y2: line }));
			group.append(make("path", { d: b > a ? `M${b - 1} ${line}l-9 -5v10z` : `M${b + 1} ${line}l9 -5v10z` }));
		}
		if (!frame.to.length) group.append(make("line", { x1: a - 40, x2: a + 40, y1: line, y2: line }));
		const ends = [a, ...frame.to.map(x)];
		const middle = frame.to.length && a !== x(frame.to[0]) ? (Math.min(...ends) + Math.max(...ends)) / 2 : width / 2;
		group.append(make("text", { x: middle, y: y + 16, "text-anchor": "middle", class: "small" },
			short(label(frame), 84)));
		return group;
	}

	/* The ends are drawn: what the frame says is left. */
	function label(frame) {
		const at = frame.label.indexOf(" → ");
		return at < 0 ? frame.label : frame.label.slice(frame.label.indexOf(" ", at + 3) + 1);
	}

	/* ---- the tables ------------------------------------------------------------------------------ */

	function tablesAt(current) {
		const caches = new Map(), arps = new Map();
		const table = (all, netns) => all.get(netns) || all.set(netns, new Map()).get(netns);

		for (const step of steps) {
			if (!current || step.step > current.step) break;
			const changed = step === current;
			if (step.kind === "route") {
				const cache = table(caches, step.netns);
				const known = cache.get(step.destination);
				if (step.from === "flush")
					for (const entry of cache.values()) { entry.stale = true; entry.changed = changed; }
				else if (step.from === "remove") cache.delete(step.destination);
				else if (step.from === "cache" && known) { known.hits++; known.changed = changed; }
				else if (step.from !== "none")
					cache.set(step.destination, { gateway: step.gateway, dev: step.dev, hits: step.from === "cache" ? 1 : 0,
						from: step.from === "cache" ? "from before" : step.from, changed });
			} else if (step.kind === "arp") {
				const arp = table(arps, step.netns);
				if (["fail", "expire", "evict"].includes(step.what)) arp.delete(step.ip);
				else arp.set(step.ip, { station: step.what === "new" ? "" : step.hardware_address,
					state: { new: "asked for", probe: "being confirmed" }[step.what] || "known", changed });
			}
		}
		return { caches, arps };
	}

	function drawTables(current) {
		const { caches, arps } = tablesAt(current);
		drawTable($("cache"), caches, ["Destination", "By", "From", "Hits"], "Nothing is known of a route cache yet.",
			(to, entry) => [to, entry.gateway === to || entry.gateway === "0.0.0.0" ? entry.dev : `${entry.gateway}, ${entry.dev}`,
				{ fib: "FIB", local: "own address" }[entry.from] || entry.from, String(entry.hits)]);
		drawTable($("arp"), arps, ["Address", "Hardware address", "State"], "Nothing is known of an ARP table yet.",
			(ip, entry) => [ip, entry.station || "?", entry.state]);
	}

	function drawTable(box, tables, titles, empty, cells) {
		const parts = [];
		for (const [netns, entries] of [...tables].sort((a, b) => a[0] - b[0])) {
			if (!entries.size) continue;
			parts.push(make("h3", {}, hostName(netns)));
			parts.push(make("table", {}, make("thead", {}, make("tr", {}, ...titles.map((title) => make("th", { scope: "col" }, title)))),
				make("tbody", {}, ...[...entries].map(([key, entry]) => make("tr", {
					class: [entry.changed ? "changed" : "", entry.stale ? "stale" : ""].join(" ").trim() },
				...cells(key, entry).map((text) => make("td", {}, text)))))));
		}
		box.replaceChildren(...(parts.length ? parts : [make("p", { class: "empty" }, empty)]));
	}

	/* ---- TCP ------------------------------------------------------------------------------------- */

	const STATES = ["", "ESTABLISHED", "SYN-SENT", "SYN-RECEIVED", "FIN-WAIT-1", "FIN-WAIT-2", "TIME-WAIT", "CLOSED",
		"CLOSE-WAIT", "LAST-ACK", "LISTEN", "CLOSING"];
	const stateName = (value) => (typeof value === "number" ? STATES[value] || String(value) : String(value));
	const firstOf = (step, ...keys) => keys.map((key) => step[key]).find((value) => value !== undefined);

	const connections = new Map();
	for (const step of steps) {
		if (step.kind !== "tcp") continue;
		const key = `${step.netns} ${step.saddr}:${step.sport} ${step.daddr}:${step.dport}`;
		if (!connections.has(key))
			connections.set(key, { name: `${step.host}: ${step.saddr}:${step.sport} → ${step.daddr}:${step.dport}`,
				netns: step.netns, ends: [`${step.saddr}:${step.sport}`, `${step.daddr}:${step.dport}`],
				states: [], cwnd: [], ssthresh: [], srtt: [], window: [], again: [] });
		const one = connections.get(key);
		const next = firstOf(step, "new_state", "newstate", "to", "new", "state");
		if (step.event.endsWith("tcp_state") && next !== undefined) one.states.push([step.time, stateName(next)]);
		if (step.event.endsWith("tcp_retransmit")) one.again.push(step.time);
		for (const [curve, ...keys] of [["cwnd", "cwnd"], ["ssthresh", "ssthresh"], ["srtt", "srtt", "srtt_us"]]) {
			const value = firstOf(step, ...keys);
			/* "No threshold yet" is the largest number there is. */
			if (typeof value === "number" && value < 0x7fffffff) one[curve].push([step.time, value]);
		}
	}
	/* The peer's window. The SYNs say in which units, if both do; they may be older than the recording. */
	for (const one of connections.values()) {
		const [here, there] = one.ends, scales = new Map();
		for (const step of steps) {
			const said = step.netns === one.netns && / TCP (\S*) seq .* window (\d+)/.exec(step.summary || "");
			const from = `${step.source}:${step.source_port}`, to = `${step.destination}:${step.destination_port}`;
			if (!said || !(from === here && to === there || from === there && to === here)) continue;
			const isSyn = said[1].split(",").includes("SYN"), offer = / scale (\d+)/.exec(step.summary);
			if (isSyn) scales.set(from, offer ? Math.min(Number(offer[1]), 14) : null);
			if (step.event !== "tcp_rcv" || from !== there) continue;
			one.scaled = scales.has(there);
			const shift = isSyn || scales.get(here) === null ? 0 : scales.get(there) || 0;
			one.window.push([step.time, Number(said[2]) * 2 ** shift]);
		}
	}

	/* A listener has states, but nobody at the other end. */
	const plotted = [...connections.values()].filter((one) => !one.ends[1].endsWith(":0"));

	function drawTcp(current) {
		$("tcp").hidden = !plotted.length;
		if (!plotted.length) return;
		$("tcp-plots").replaceChildren(...plotted.flatMap((one) => [
			make("h3", {}, one.name), plotConnection(one, current)]));
	}

	function plotConnection(one, current) {
		const width = widthOf($("tcp-plots")), left = 80, right = 20, top = 34, high = 150, low = 70;
		const all = [...one.states, ...one.cwnd, ...one.ssthresh, ...one.srtt, ...one.window].map((point) => point[0])
			.concat(one.again);
		const from = Math.min(...all), to = Math.max(...all, from + 1);
		const x = (time) => left + ((time - from) / (to - from)) * (width - left - right);
		const svg = make("svg", { viewBox: `0 0 ${width} ${top + high + low + 70}`, role: "img",
			"aria-label": `${one.name}: states ${one.states.map((s) => s[1]).join(", ")}; ${one.again.length} retransmissions` });

		one.states.forEach(([time, name], i) => {
			const a = x(time), b = i + 1 < one.states.length ? x(one.states[i + 1][0]) : width - right;
			svg.append(make("rect", { class: "state", x: a, y: 4, width: Math.max(b - a, 2), height: 22 }, make("title", {}, name)));
			if (textWidth(name, 8) < b - a)
				svg.append(make("text", { x: (a + b) / 2, y: 19, "text-anchor": "middle", class: "small" }, name));
		});
		svg.append(make("text", { x: 10, y: 19, class: "soft small" }, "state"));
		plotCurves(svg, one, ["cwnd", "ssthresh", "window"], "octets", x, from, to, left, width - right, top + 10, high);
		plotCurves(svg, one, ["srtt"], "µs", x, from, to, left, width - right, top + high + 30, low);
		for (const time of one.again)
			svg.append(make("path", { class: "again", d: `M${x(time)} ${top + 10}v${high}` }, make("title", {}, "sent again")));
		if (current && current.time >= from && current.time <= to)
			svg.append(make("line", { class: "cursor", x1: x(current.time), x2: x(current.time), y1: 4, y2: top + high + low + 30 }));
		const y = top + high + low + 62;
		svg.append(make("text", { x: left, y: y - 12, class: "small soft" }, `${((from - start) / 1e6).toFixed(1)} ms`));
		svg.append(make("text", { x: width - right, y: y - 12, "text-anchor": "end", class: "small soft" },
			`${((to - start) / 1e6).toFixed(1)} ms`));
		let at = left + 70;
		for (const [name, style, text] of [["cwnd", "curve cwnd", "cwnd"], ["ssthresh", "curve ssthresh", "ssthresh"],
			["window", "curve window", one.scaled ? "peer's window" : "peer's window (unscaled)"], ["srtt", "curve srtt", "srtt"], ["again", "again", "sent again"]]) {
			if (!one[name].length) continue;
			svg.append(make("path", { class: style, d: `M${at} ${y - 16}h26` }));
			svg.append(make("text", { x: at + 32, y: y - 12, class: "small" }, text));
			at += 60 + textWidth(text, 7);
		}
		return svg;
	}

	function plotCurves(svg, one, names, unit, x, from, to, left, right, top, high) {
		const most = Math.max(1, ...names.flatMap((name) => one[name].map((point) => point[1])));
		const y = (value) => top + high - (value / most) * high;

		for (const part of [0, 0.5, 1]) {
			svg.append(make("line", { class: "axis", x1: left, x2: right, y1: y(most * part), y2: y(most * part) }));
			svg.append(make("text", { x: left - 8, y: y(most * part) + 4, "text-anchor": "end", class: "small soft" },
				String(Math.round(most * part))));
		}
		svg.append(make("text", { x: 10, y: top + high / 2 - 12, class: "soft small" }, unit));
		for (const name of names) {
			if (!one[name].length) continue;
			let d = "";
			one[name].forEach(([time, value], i) => { d += i ? `H${x(time)}V${y(value)}` : `M${x(time)} ${y(value)}`; });
			svg.append(make("path", { class: `curve ${name}`, d: `${d}H${x(to)}` }));
		}
	}

	/* ---- all of it ------------------------------------------------------------------------------- */

	function draw() {
		const current = shown[at];
		$("position").value = at;
		$("position").setAttribute("aria-valuetext", current ? `step ${at + 1}: ${named(current)} ${current.text}` : "none");
		$("count").textContent = shown.length ? `${at + 1} / ${shown.length}` : "0";
		$("first").disabled = $("previous").disabled = at <= 0;
		$("last").disabled = $("next").disabled = at >= shown.length - 1;
		drawNow(current);
		drawLanes(current);
		drawMemory(current);
		drawHeaders(current);
		drawList();
		drawSequence(current);
		drawTables(current);
		drawTcp(current);
	}

	function keyPressed(event) {
		if (event.altKey || event.ctrlKey || event.metaKey) return;
		const where = event.target;
		const inList = where === $("steps");
		if (where.matches("select, input, textarea")) return;
		const actions = {
			ArrowRight: () => go(at + 1), ArrowLeft: () => go(at - 1), Home: () => go(0), End: () => go(shown.length - 1),
			".": () => goAlong(1), ",": () => goAlong(-1), " ": () => play(!timer),
		};
		if (inList) Object.assign(actions, { ArrowDown: () => go(at + 1), ArrowUp: () => go(at - 1),
			PageDown: () => go(at + 15), PageUp: () => go(at - 15) });
		/* A button's own space, and a summary's. */
		if (event.key === " " && where.matches("button, summary")) return;
		if (!actions[event.key]) return;
		event.preventDefault();
		actions[event.key]();
	}

	function begin() {
		const when = new Date(trace.begin).toLocaleString();
		$("about").textContent = steps.length ?
			`${steps.length} steps of ${lives.size} packets through ${trace.hosts.length} host${trace.hosts.length === 1 ? "" : "s"}, ` +
			`${((steps[steps.length - 1].time - start) / 1e6).toFixed(1)} ms from ${when}` : "This trace is empty.";
		const warnings = [];
		if (trace.lost) warnings.push(`${trace.lost} events were lost: the kernel's rings were full.`);
		if (trace.left_out) warnings.push(`${trace.left_out} further steps had no room on this page.`);
		$("warning").hidden = !warnings.length;
		$("warning").textContent = warnings.join(" ");
		fillChoices();
		$("packet").addEventListener("change", choose);
		$("host").addEventListener("change", choose);
		$("position").addEventListener("input", () => go(Number($("position").value)));
		$("first").addEventListener("click", () => go(0));
		$("previous").addEventListener("click", () => go(at - 1));
		$("next").addEventListener("click", () => go(at + 1));
		$("last").addEventListener("click", () => go(shown.length - 1));
		$("play").addEventListener("click", () => play(!timer));
		document.addEventListener("keydown", keyPressed);
		window.addEventListener("beforeprint", () => { fillList(0, shown.length); drawSequence(shown[at], true); });
		window.addEventListener("afterprint", () => { listed = [0, 0]; draw(); });
		let drawnWidth = window.innerWidth;
		window.addEventListener("resize", () => {
			if (window.innerWidth !== drawnWidth) draw();
			drawnWidth = window.innerWidth;
		});
		choose();
	}

	begin();
})();
