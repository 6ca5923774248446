// How cost grows: with links, with channels, with the size of an event, with a second core.
// In: which curves (all where none is named). Out: a table for each, in Markdown. The server is the
// release binary on the first core, `steadfast bench` loads it from the second; every point has a
// fresh server and is the median of ROUNDS (3) runs.

import { spawn, execFile } from "node:child_process";
import { once } from "node:events";
import { promisify } from "node:util";

const BINARY = process.env.STEADFAST ?? "target/release/steadfast";
const ROUNDS = Number(process.env.ROUNDS ?? 3);
const SECONDS = process.env.SECONDS ?? "3";
/** Ports of the next server: none is used twice, or the system's memory of old connections to it
 * would be measured as well. */
let port = 20_000;
const run = promisify(execFile);

/** A number as the tables have it. */
const say = (value) => (value >= 1000 ? `${(value / 1000).toFixed(1)}k` : value.toPrecision(3));
const median = (values) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)];

/** Starts a server on these cores, waits until it is ready, and ends it after `use`. */
async function withServer(cores, use) {
	const [clients, backends] = [`127.0.0.1:${port++}`, `127.0.0.1:${port++}`];
	const places = ["--listen", clients, "--internal", backends];
	const args = ["-c", cores, BINARY, "serve", "--dev", ...places];
	const env = {
		...process.env,
		STEADFAST_LOG: "error",
		STEADFAST_PUBLIC__CONNECTIONS_MAX: "19000",
	};
	const server = spawn("taskset", args, { env, stdio: "ignore" });
	try {
		for (;;) {
			const answer = await fetch(`http://${backends}/readyz`).catch(() => undefined);
			if (answer?.ok) break;
			if (server.exitCode !== null) throw new Error(`the server ends with ${server.exitCode}`);
			await new Promise((done) => setTimeout(done, 20));
		}
		return await use({ pid: server.pid, clients, backends });
	} finally {
		const ended = once(server, "exit");
		server.kill("SIGTERM");
		server.kill("SIGTERM");
		await ended;
	}
}

/** Loads the server and gives the report. */
async function bench(cores, { pid, clients, backends }, flags) {
	const places = ["--server", `http://${clients}`, "--internal", `http://${backends}`];
	const args = ["-c", cores, BINARY, "bench", ...flags, ...places, "--seconds", SECONDS];
	const { stdout } = await run("taskset", [...args, "--server-pid", String(pid), "--json"]);
	return JSON.parse(stdout);
}

/** Medians of what `measure` finds, each time with a fresh server. */
async function point(serverCores, benchCores, measure) {
	const found = [];
	for (let round = 0; round < ROUNDS; round += 1) {
		const load = (server) => measure((...flags) => bench(benchCores, server, flags));
		found.push(await withServer(serverCores, load));
	}
	const names = Object.keys(found[0]);
	return Object.fromEntries(names.map((name) => [name, median(found.map((one) => one[name]))]));
}

const cpu = (report) => report.cpu.seconds_per_million_deliveries;

function table(head, rows) {
	const lines = [head, head.map(() => "---:"), ...rows];
	console.log(lines.map((line) => `| ${line.join(" | ")} |`).join("\n"), "\n");
}

/** One channel that more and more links follow. */
async function links() {
	const rows = [];
	for (const count of [100, 300, 1000, 3000, 10_000, 18_000]) {
		const rate = String(Math.max(1, 20_000 / count));
		const at = await point("0", "1", async (load) => {
			const flags = ["fan-out", "--links", String(count)];
			const paced = await load(...flags, "--rate", rate, "--hold", "2");
			const full = await load(...flags, "--in-flight", "1");
			return {
				connects: paced.connects.per_second,
				bytes: paced.memory.bytes_per_link,
				p50: paced.deliveries.latency.p50_ms,
				max: paced.deliveries.latency.max_ms,
				paced: cpu(paced),
				rate: full.deliveries.per_second,
				full: cpu(full),
			};
		});
		const { connects, bytes, p50, max, paced, rate: most, full } = at;
		rows.push([say(count), ...[connects, bytes, p50, max, paced, most, full].map(say)]);
	}
	const paced = ["paced p50, ms", "max, ms", "CPU, µs a delivery"];
	const full = ["one in flight, deliveries/s", "CPU, µs"];
	table(["links", "connects/s", "idle bytes a link", ...paced, ...full], rows);
}

/** The same links and deliveries over more and more channels. */
async function channels() {
	const rows = [];
	for (const count of [1, 10, 100, 1000, 5000]) {
		const rate = String((20_000 * count) / 5000);
		const at = await point("0", "1", async (load) => {
			const flags = ["channels", "--links", "5000", "--channels", String(count), "--rate", rate];
			const paced = await load(...flags);
			return { p50: paced.deliveries.latency.p50_ms, cpu: cpu(paced) };
		});
		rows.push([say(count), say(5000 / count), rate, say(at.p50), say(at.cpu)]);
	}
	const head = ["channels", "members of each", "events/s", "p50, ms", "CPU, µs a delivery"];
	table(head, rows);
}

/** A thousand followers of larger and larger events. */
async function bytes() {
	const rows = [];
	for (const size of [80, 150, 1024, 4096, 16_384, 65_536]) {
		const at = await point("0", "1", async (load) => {
			const flags = ["fan-out", "--links", "1000", "--in-flight", "1", "--bytes", String(size)];
			const { deliveries, ...report } = await load(...flags);
			return { rate: deliveries.per_second, cpu: cpu({ deliveries, ...report }) };
		});
		rows.push([String(size), ...[at.rate, (at.rate * size) / 1e6, at.cpu].map(say)]);
	}
	table(["bytes of data", "deliveries/s", "MB/s", "CPU, µs a delivery"], rows);
}

/** What a delivery costs on two cores, which the generator shares, beside one. */
async function cores() {
	const loads = {
		"1,000 links, one in flight": ["fan-out", "--links", "1000", "--in-flight", "1"],
		"1,000 links, eight in flight": ["fan-out", "--links", "1000", "--in-flight", "8"],
		"2,000 channels, 512 in flight": [
			...["channels", "--links", "2000", "--channels", "2000", "--in-flight", "512"],
		],
	};
	const rows = [];
	for (const [name, flags] of Object.entries(loads)) {
		const measure = async (load) => ({ cpu: cpu(await load(...flags)) });
		const one = await point("0", "1", measure);
		const both = await point("0,1", "0,1", measure);
		rows.push([name, say(one.cpu), say(both.cpu), ((2 * one.cpu) / both.cpu).toFixed(2)]);
	}
	const head = ["load", "one core, µs a delivery", "two cores, µs", "times the rate of one core"];
	table(head, rows);
}

const all = { links, channels, bytes, cores };
const wanted = process.argv.slice(2);
for (const name of wanted.length > 0 ? wanted : Object.keys(all)) {
	if (!all[name]) {
		console.error(`there is no curve ${name}; there is ${Object.keys(all).join(", ")}`);
		process.exit(2);
	}
	await all[name]();
}
