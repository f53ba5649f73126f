"use strict";
// What comes from alerts was chosen by those who are watched. It goes into the page as text nodes
// only (textContent): nothing here parses markup.

const MAX_ALERTS = 2000;
const SHOWN = 500;
const PRIORITIES = ["Emergency", "Alert", "Critical", "Error", "Warning", "Notice", "Informational", "Debug"];
const $ = (id) => document.getElementById(id);

const state = {
  start: null, alerts: [], last: 0, lost: 0, open: null, paused: false,
  history: [], stats: null, before: null, rules: new Map(), reload: null, openRule: null,
  sort: { by: "time", down: true },
};

// An element with text or children.
function el(tag, options = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(options)) {
    if (key === "class") node.className = value;
    else if (key === "text") node.textContent = value;
    else node.setAttribute(key, value);
  }
  for (const child of children) if (child) node.append(child);
  return node;
}

const plain = new Intl.NumberFormat("en");
function count(n) {
  if (n >= 1e9) return (n / 1e9).toFixed(1) + " G";
  if (n >= 1e6) return (n / 1e6).toFixed(1) + " M";
  if (n >= 1e4) return (n / 1e3).toFixed(1) + " k";
  return plain.format(Math.round(n));
}
function bytes(n) {
  if (n >= 1 << 30) return (n / (1 << 30)).toFixed(1) + " GiB";
  if (n >= 1 << 20) return (n / (1 << 20)).toFixed(1) + " MiB";
  return (n / 1024).toFixed(0) + " KiB";
}
function duration(ns) {
  if (ns >= 1e9) return (ns / 1e9).toFixed(2) + " s";
  if (ns >= 1e6) return (ns / 1e6).toFixed(1) + " ms";
  if (ns >= 1e3) return (ns / 1e3).toFixed(1) + " µs";
  return Math.round(ns) + " ns";
}
function ago(ms) {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 60) return s + " s";
  if (s < 3600) return Math.floor(s / 60) + " min";
  if (s < 86400) return Math.floor(s / 3600) + " h " + (Math.floor(s / 60) % 60) + " min";
  return Math.floor(s / 86400) + " d " + (Math.floor(s / 3600) % 24) + " h";
}
function clock(ns) {
  const date = new Date(Number(BigInt(ns) / 1000000n));
  const pad = (n, width = 2) => String(n).padStart(width, "0");
  return `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}.${pad(date.getMilliseconds(), 3)}`;
}
const urgency = (priority) => PRIORITIES.indexOf(priority);
function priority(name) {
  const at = urgency(name);
  const kind = at <= 3 ? "high" : at === 4 ? "warning" : at === 5 ? "notice" : "low";
  return el("span", { class: "p p-" + kind, text: name });
}
const process = (alert) => alert.lineage?.[0]?.name || alert.fields?.["proc.name"] || "";

// --- charts -------------------------------------------------------------------------------------

const SVG = "http://www.w3.org/2000/svg";
function chart(id, values, least) {
  const svg = $(id);
  const width = 300, height = 44, points = 180;
  const shown = values.slice(-points);
  const top = Math.max(least, ...shown) * 1.1;
  const x = (i) => width - (shown.length - 1 - i) * (width / (points - 1));
  const y = (v) => height - 1 - (v / top) * (height - 3);
  let line = "";
  shown.forEach((v, i) => { line += (i ? "L" : "M") + x(i).toFixed(1) + " " + y(v).toFixed(1); });
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.replaceChildren();
  if (shown.length < 2) return;
  const path = (d, name) => {
    const node = document.createElementNS(SVG, "path");
    node.setAttribute("d", d);
    node.setAttribute("class", name);
    svg.append(node);
  };
  path(`${line}L${width} ${height}L${x(0).toFixed(1)} ${height}Z`, "chart-fill");
  path(line, "chart-line");
}

function drawTiles() {
  const history = state.history;
  const now = history.at(-1);
  if (!now) return;
  const minute = history.slice(-60);
  $("t-events").textContent = count(now[1]);
  $("t-drops").textContent = count(now[2]);
  $("t-alerts").textContent = count(minute.reduce((sum, p) => sum + p[3], 0) * 60 / minute.length);
  $("t-ring").textContent = (now[4] * 100).toFixed(now[4] < 0.1 ? 1 : 0) + " %";
  chart("c-events", history.map((p) => p[1]), 10);
  chart("c-drops", history.map((p) => p[2]), 1);
  chart("c-ring", history.map((p) => p[4]), 0.1);
  chart("c-alerts", history.map((p) => p[3] * 60), 1);
}

// --- alerts -------------------------------------------------------------------------------------

function haystack(alert) {
  alert.hay ??= [alert.rule, alert.message, alert.priority, ...Object.entries(alert.fields ?? {}).flat(),
    ...(alert.lineage ?? []).flatMap((p) => [p.name, p.exe, p.command])].join("\n").toLowerCase();
  return alert.hay;
}
function filter() {
  const text = $("f-text").value.trim().toLowerCase();
  const least = $("f-priority").value;
  const rule = $("f-rule").value;
  const tag = $("f-tag").value;
  const name = $("f-process").value.trim().toLowerCase();
  return (alert) =>
    (!least || urgency(alert.priority) <= urgency(least)) &&
    (!rule || alert.rule === rule) &&
    (!tag || (alert.tags ?? []).includes(tag)) &&
    (!name || process(alert).toLowerCase().includes(name)) &&
    (!text || haystack(alert).includes(text));
}
function row(alert) {
  const tr = el("tr", { tabindex: "0" },
    el("td", { text: alert.time_ns ? clock(alert.time_ns) : "" }),
    el("td", {}, priority(alert.priority ?? "Debug")),
    el("td", { text: alert.rule ?? "" }),
    el("td", { text: process(alert), class: "mono" }),
    el("td", { text: alert.message }));
  const open = () => openAlert(alert, tr);
  tr.addEventListener("click", open);
  tr.addEventListener("keydown", (event) => { if (event.key === "Enter") open(); });
  if (state.open === alert) tr.classList.add("open");
  return tr;
}
function drawAlerts() {
  const matching = state.alerts.filter(filter());
  const shown = matching.slice(-SHOWN).reverse();
  document.querySelector("#list tbody").replaceChildren(...shown.map(row));
  $("empty").hidden = shown.length > 0;
  $("empty").textContent = state.alerts.length ? "No alert matches." : "No alert yet.";
  drawCount(matching.length);
}
function drawCount(matching) {
  const lost = state.lost ? `, ${count(state.lost)} were too fast for this page` : "";
  const older = matching > SHOWN ? `, the latest ${SHOWN} shown` : "";
  $("count").textContent = `${plain.format(matching)} of ${plain.format(state.alerts.length)} alerts${older}${lost}`;
}
let pending = false;
function later() {
  if (pending || state.paused) return;
  pending = true;
  setTimeout(() => { pending = false; if (!state.paused) { drawAlerts(); options(); } }, 150);
}
function options() {
  const fill = (id, all, values) => {
    const select = $(id);
    if (select.childElementCount === values.length + 1) return;
    const chosen = select.value;
    select.replaceChildren(el("option", { value: "", text: all }), ...values.map((v) => el("option", { value: v, text: v })));
    select.value = values.includes(chosen) ? chosen : "";
  };
  const sorted = (values) => [...new Set(values)].filter(Boolean).sort((a, b) => a.localeCompare(b));
  fill("f-rule", "All rules", sorted(state.alerts.map((a) => a.rule)));
  fill("f-tag", "All tags", sorted(state.alerts.flatMap((a) => a.tags ?? [])));
}
function value(v) {
  if (v === null || v === undefined) return el("span", { class: "none", text: "not available" });
  return el("span", { class: "mono", text: typeof v === "object" ? JSON.stringify(v) : String(v) });
}
// A command line can be a page long; the whole of it is in the title.
const LONG = 240;
const shortened = (text) => (text.length > LONG ? text.slice(0, LONG) + "…" : text);
function tree(lineage) {
  // From the oldest ancestor down to the process itself.
  let inner = null;
  lineage.forEach((p, i) => {
    const command = p.command || p.exe || p.name || "?";
    const line = el("div", { title: command.length > LONG ? command : p.exe },
      el("span", { class: "mono" + (i === 0 ? " self" : ""), text: shortened(command) }),
      el("span", { class: "pid", text: String(p.pid) }));
    inner = el("ul", { class: "tree" }, el("li", {}, line, inner));
  });
  return inner;
}
function ruleText(name) {
  const rule = state.rules.get(name);
  const nodes = [];
  if (!rule) return nodes;
  if (rule.description) nodes.push(el("p", { text: rule.description }));
  nodes.push(el("h4", { text: "Condition" }), el("pre", { text: rule.condition.trim() }));
  nodes.push(el("h4", { text: "Output" }), el("pre", { text: rule.output.trim() }));
  return nodes;
}
function openAlert(alert, tr) {
  state.open = alert;
  document.querySelectorAll("#list tr.open").forEach((node) => node.classList.remove("open"));
  tr?.classList.add("open");
  const nodes = [el("h3", { text: alert.rule ?? "" })];
  const meta = el("div", { class: "meta" }, priority(alert.priority ?? "Debug"),
    el("span", { text: alert.time_ns ? new Date(Number(BigInt(alert.time_ns) / 1000000n)).toISOString() : "" }));
  for (const tag of alert.tags ?? []) meta.append(el("span", { class: "tag", text: tag }));
  nodes.push(meta, el("pre", { text: alert.message }));
  if (alert.state) nodes.push(el("p", { class: "error", text: `The state behind this alert was ${alert.state}.` }));
  if (alert.lineage?.length) nodes.push(el("h4", { text: "Process" }), tree(alert.lineage));
  const fields = Object.entries(alert.fields ?? {});
  if (fields.length) {
    const rows = fields.map(([name, v]) => el("tr", {}, el("td", { class: "mono", text: name }), el("td", {}, value(v))));
    nodes.push(el("h4", { text: "Fields" }), el("table", { class: "fields" }, el("tbody", {}, ...rows)));
  }
  const text = ruleText(alert.rule);
  if (text.length) nodes.push(el("h4", { text: "Rule" }), ...text);
  $("detail-body").replaceChildren(...nodes);
  $("detail").hidden = false;
  $("detail").scrollTop = 0;
}
function closeAlert() {
  state.open = null;
  $("detail").hidden = true;
  document.querySelectorAll("#list tr.open").forEach((node) => node.classList.remove("open"));
}

// --- rules --------------------------------------------------------------------------------------

function drawRules() {
  if ($("rules").hidden || !state.stats) return;
  const rows = state.stats.rules.map(([name, matches, evaluations, time]) => ({
    name, matches, evaluations, time, each: evaluations ? time / evaluations : 0,
    priority: state.rules.get(name)?.priority ?? "",
  }));
  const { by, down } = state.sort;
  const key = (r) => (by === "priority" ? urgency(r.priority) : r[by]);
  rows.sort((a, b) => {
    const [x, y] = [key(a), key(b)];
    const order = typeof x === "string" ? x.localeCompare(y) : x - y;
    return (down ? -order : order) || a.name.localeCompare(b.name);
  });
  const body = document.querySelector("#rule-list tbody");
  body.replaceChildren(...rows.map((r) => {
    const tr = el("tr", { tabindex: "0" },
      el("td", { text: r.name }), el("td", {}, r.priority ? priority(r.priority) : null),
      el("td", { class: "n", text: count(r.matches) }), el("td", { class: "n", text: count(r.evaluations) }),
      el("td", { class: "n", text: duration(r.time) }), el("td", { class: "n", text: r.evaluations ? duration(r.each) : "–" }));
    if (r.name === state.openRule) tr.classList.add("open");
    const open = () => { state.openRule = r.name; openRule(r.name); drawRules(); };
    tr.addEventListener("click", open);
    tr.addEventListener("keydown", (event) => { if (event.key === "Enter") open(); });
    return tr;
  }));
}
function openRule(name) {
  const rule = state.rules.get(name);
  const meta = el("div", { class: "meta" }, rule?.priority ? priority(rule.priority) : null);
  for (const tag of rule?.tags ?? []) meta.append(el("span", { class: "tag", text: tag }));
  $("rule-detail-body").replaceChildren(el("h3", { text: name }), meta, ...ruleText(name));
  $("rule-detail").hidden = false;
}
async function loadRules() {
  const answer = await fetch("/api/rules");
  if (!answer.ok) return;
  state.rules = new Map((await answer.json()).map((rule) => [rule.name, rule]));
  drawRules();
  if (state.open) openAlert(state.open, document.querySelector("#list tr.open"));
}

// --- engine -------------------------------------------------------------------------------------

function drawEngine() {
  const s = state.stats;
  if ($("engine").hidden || !s) return;
  const fill = (id, rows) => document.querySelector(`#${id} tbody`).replaceChildren(...rows);
  fill("outputs", s.outputs.map((o) => el("tr", {},
    el("td", { text: o.name }), el("td", { class: "n", text: count(o.delivered) }),
    el("td", { class: "n", text: count(o.waiting) }), el("td", { class: "n", text: count(o.spooled) }),
    el("td", { class: "n", text: count(o.lost) }),
    el("td", { class: o.failing ? "error" : "", text: o.failing ? `failing: ${o.error ?? ""}` : "well" }))));
  $("rings").replaceChildren(...s.rings.map(([pending, capacity], i) => {
    const inner = el("i");
    inner.style.width = (100 * pending / Math.max(capacity, 1)).toFixed(2) + "%";
    return el("div", { class: "bar" }, el("span", { text: `Ring ${i}` }), el("div", { class: "meter" }, inner),
      el("span", { text: `${bytes(pending)} of ${bytes(capacity)}` }));
  }));
  const seconds = state.before ? (s.time_ms - state.before.time_ms) / 1000 : 0;
  fill("workers", s.workers.map((records, i) => el("tr", {}, el("td", { text: String(i) }),
    el("td", { class: "n", text: count(records) }),
    el("td", { class: "n", text: seconds > 0 ? count((records - (state.before.workers[i] ?? 0)) / seconds) : "–" }))));
  fill("drops", s.drops.map(([ring, cls, cause, n]) => el("tr", {}, el("td", { text: String(ring) }),
    el("td", { text: cls }), el("td", { text: cause }), el("td", { class: "n", text: count(n) }))));
  $("no-drops").hidden = s.drops.length > 0;
}

// --- the stream ---------------------------------------------------------------------------------

function status(text, kind) {
  $("status").textContent = text;
  $("status").className = "pill " + kind;
}
function onHello(hello) {
  if (state.start !== hello.start_ns) {
    // Another process: its numbers begin anew.
    Object.assign(state, { start: hello.start_ns, alerts: [], last: 0, lost: 0, before: null, stats: null });
    closeAlert();
  }
  state.history = hello.history;
  $("host").textContent = hello.hostname;
  state.hello = hello;
  document.title = `${hello.hostname} – Peregrine`;
  drawTiles();
  later();
}
function onAlert(alert) {
  if (state.last && alert.n > state.last + 1) state.lost += alert.n - state.last - 1;
  if (alert.n <= state.last) return;
  state.last = alert.n;
  state.alerts.push(alert);
  if (state.alerts.length > MAX_ALERTS) state.alerts.splice(0, state.alerts.length - MAX_ALERTS);
  later();
}
function onStats(stats) {
  // Who comes before the first numbers does not know yet what process this is.
  if (stats.start_ns !== state.start) return connect();
  state.before = state.stats;
  state.stats = stats;
  if (stats.point && stats.point[0] !== state.history.at(-1)?.[0]) {
    state.history.push(stats.point);
    if (state.history.length > 600) state.history.shift();
  }
  status(stats.problems.length ? stats.problems.join("; ") : "healthy", stats.problems.length ? "bad" : "good");
  const hello = state.hello ?? {};
  const up = hello.start_ns ? ago(stats.time_ms - Number(BigInt(hello.start_ns) / 1000000n)) : "";
  const threads = stats.state.find(([name]) => name === "n_threads")?.[1];
  $("facts").textContent = `up ${up} · ${count(stats.events)} events · ${count(stats.dropped)} lost · ` +
    `${bytes(stats.rss_kib * 1024)} · ${stats.cpu_percent.toFixed(1)} % CPU` +
    (threads === undefined ? "" : ` · ${count(threads)} threads`) + ` · ${hello.hook ?? ""} · ${hello.version ?? ""}`;
  if (stats.reload_ms !== state.reload) {
    state.reload = stats.reload_ms;
    loadRules();
  }
  drawTiles();
  drawRules();
  drawEngine();
}
let source = null;
function connect() {
  source?.close();
  source = new EventSource("/api/events");
  const on = (name, handle) => source.addEventListener(name, (event) => handle(JSON.parse(event.data)));
  on("hello", onHello);
  on("alert", onAlert);
  on("stats", onStats);
  source.onerror = () => status("not connected", "bad");
}

// --- controls -----------------------------------------------------------------------------------

function choose(name) {
  for (const tab of document.querySelectorAll("[role=tab]")) {
    const chosen = tab.id === "tab-" + name;
    tab.setAttribute("aria-selected", String(chosen));
    $(tab.getAttribute("aria-controls")).hidden = !chosen;
  }
  drawRules();
  drawEngine();
}
for (const tab of document.querySelectorAll("[role=tab]")) {
  tab.addEventListener("click", () => choose(tab.id.slice(4)));
}
$("f-priority").append(el("option", { value: "", text: "All priorities" }),
  ...PRIORITIES.slice(0, -1).map((p) => el("option", { value: p, text: p + " and above" })));
options();
$("filter").addEventListener("input", drawAlerts);
$("filter").addEventListener("submit", (event) => event.preventDefault());
$("pause").addEventListener("click", () => {
  state.paused = !state.paused;
  $("pause").setAttribute("aria-pressed", String(state.paused));
  $("pause").textContent = state.paused ? "Resume" : "Pause";
  if (!state.paused) { drawAlerts(); options(); }
});
$("close").addEventListener("click", closeAlert);
$("rule-close").addEventListener("click", () => { state.openRule = null; $("rule-detail").hidden = true; drawRules(); });
document.addEventListener("keydown", (event) => { if (event.key === "Escape") closeAlert(); });
for (const th of document.querySelectorAll("th[data-sort]")) {
  th.addEventListener("click", () => {
    const by = th.dataset.sort;
    state.sort = { by, down: state.sort.by === by ? !state.sort.down : by !== "name" && by !== "priority" };
    drawRules();
  });
}
connect();
