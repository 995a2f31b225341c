// Shows what /live tells. What is not told anew keeps its element, so that focus and reading position stay where they are.
"use strict";

const HISTORY = 60;          // points of a sparkline, one a second
const SHOWN_CRASHED_MS = 800; // a crash that is mended in between two moments is seen for as long
const FAULTS_MAX = 50;

const at = (id) => document.getElementById(id);
const make = (name, text, of = {}) => {
  const element = document.createElement(name);
  if (text !== undefined) element.textContent = text;
  Object.assign(element, of);
  return element;
};
const set = (element, text) => { if (element.textContent !== text) element.textContent = text; };
const number = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const duration = (ms) => ms < 1 ? `${Math.round(ms * 1000)} µs` : ms < 1000 ? `${number.format(ms)} ms` : `${number.format(ms / 1000)} s`;

const actors = new Map();
const others = { checks: new Map(), gauges: new Map(), totals: new Map() };

function restarts(node) {
  return Object.values(node.restarts).reduce((sum, count) => sum + count, 0);
}

function* paths(node, path) {
  for (const child of node.children ?? []) {
    const own = path ? `${path}/${child.name}` : child.name;
    yield [own, child];
    yield* paths(child, own);
  }
}

function newRow(path, depth) {
  const row = make("tr");
  const name = make("th", path.split("/").pop(), { scope: "row" });
  name.style.paddingLeft = `${0.6 + depth}rem`;
  row.append(name);
  const cells = {};
  for (const [key, label] of [["state"], ["restarts", "restarts"], ["depth", "waiting"], ["oldest", "oldest"],
    ["flight", "in flight"], ["rate", "calls/s"], ["latency"]]) {
    const cell = make("td");
    if (label) { cell.dataset.is = label; cell.className = "number"; }
    row.append(cell);
    cells[key] = cell;
  }
  const badge = make("span", "", { className: "badge" });
  cells.state.append(badge);
  const latency = make("div", undefined, { className: "latency" });
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "trace");
  svg.setAttribute("viewBox", `0 0 ${HISTORY - 1} 20`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  const line = document.createElementNS("http://www.w3.org/2000/svg", "polyline");
  svg.append(line);
  const mean = make("span");
  latency.append(svg, mean);
  cells.latency.append(latency);
  return { row, cells, badge, line, mean, history: [], crashedUntil: 0, before: null, second: null };
}

// Once a second: how many calls there were, and how long they took on average.
function measure(actor, node, now) {
  const calls = node.latency.counts.reduce((sum, count) => sum + count, 0);
  const second = { now, calls, sum: node.latency.sum_s };
  if (!actor.second) { actor.second = second; return; }
  const passed = (now - actor.second.now) / 1000;
  if (passed < 1) return;
  const count = calls - actor.second.calls;
  const mean = count > 0 ? (second.sum - actor.second.sum) / count * 1000 : null;
  actor.second = second;
  actor.history.push(mean ?? 0);
  if (actor.history.length > HISTORY) actor.history.shift();
  const most = Math.max(...actor.history, 0.001);
  const start = HISTORY - actor.history.length;
  actor.line.setAttribute("points",
    actor.history.map((value, index) => `${start + index},${(19 - value / most * 18).toFixed(1)}`).join(" "));
  set(actor.cells.rate, number.format(Math.max(count, 0) / passed));
  set(actor.mean, mean === null ? "no calls" : `${duration(mean)} on average`);
}

function showActor(path, node, now, body, news) {
  let actor = actors.get(path);
  if (!actor) {
    actor = newRow(path, path.split("/").length - 1);
    actors.set(path, actor);
  }
  if (actor.row.parentNode !== body) body.append(actor.row);
  const count = restarts(node);
  if (actor.before !== null && count > actor.before) {
    actor.crashedUntil = now + SHOWN_CRASHED_MS;
    news.push(`${path} was started again`);
  }
  actor.before = count;
  const runs = node.state === "running";
  const isIll = !runs || now < actor.crashedUntil;
  actor.row.className = isIll ? "ill" : "";
  actor.badge.className = isIll ? "badge ill" : "badge well";
  set(actor.badge, runs ? (isIll ? "restarted" : "running") : node.state);
  const causes = Object.entries(node.restarts).filter(([, times]) => times > 0).map(([cause, times]) => `${cause} ${times}`);
  set(actor.cells.restarts, number.format(count));
  actor.cells.restarts.title = causes.join(", ");
  set(actor.cells.depth, number.format(node.depth));
  set(actor.cells.oldest, node.oldest_ms ? duration(node.oldest_ms) : "-");
  set(actor.cells.flight, number.format(node.in_flight));
  measure(actor, node, now);
}

// Shows each of `items` in `body`, by its key; what is not among them any more goes.
function showAll(known, body, items, fresh, show) {
  const keys = new Set();
  for (const [key, item] of items) {
    keys.add(key);
    let shown = known.get(key);
    if (!shown) {
      shown = fresh(item);
      known.set(key, shown);
      body.append(shown.element);
    }
    show(shown, item);
  }
  for (const [key, shown] of known) {
    if (!keys.has(key)) { shown.element.remove(); known.delete(key); }
  }
}

function newCheck(check) {
  const element = make("li");
  const [name, badge, detail] = [make("strong", check.name), make("span", "", { className: "badge" }), make("span")];
  detail.className = "quiet";
  element.append(name, badge, " ", detail);
  return { element, badge, detail };
}

function showCheck(shown, check) {
  shown.badge.className = `badge ${check.ok ? "well" : check.needed ? "ill" : ""}`;
  set(shown.badge, check.ok ? "works" : check.needed ? "fails" : "fails, can wait");
  set(shown.detail, check.ok ? "" : check.detail);
}

function newNumber(item) {
  const element = make("tr");
  const value = make("td", "", { className: "number" });
  const name = make("th", item.help, { scope: "row", title: item.name });
  element.append(name, make("td", item.of || "-"), value);
  return { element, value };
}

function showFault(record) {
  const isError = record.SeverityNumber >= 17;
  const element = make("li", undefined, { className: isError ? "ill" : "" });
  const service = record.Resource?.["service.name"] ?? "";
  const time = make("time", new Date(record.Timestamp).toLocaleTimeString(), { dateTime: record.Timestamp });
  element.append(make("strong", `${record.SeverityText} `), `${service}: ${record.Body} `);
  const attributes = Object.entries(record.Attributes ?? {}).filter(([key]) => !key.startsWith("code."));
  if (attributes.length) element.append(make("code", attributes.map(([key, value]) => `${key}=${value}`).join(" ")), " ");
  if (record.TraceId) element.append("trace ", make("code", record.TraceId), " ");
  element.append(time);
  at("faults").prepend(element);
  while (at("faults").children.length > FAULTS_MAX) at("faults").lastChild.remove();
  at("none").hidden = true;
}

function show(moment) {
  const now = performance.now();
  const news = [];
  set(at("node"), `${moment.node} ${moment.version}`);
  const body = at("tree").tBodies[0];
  const seen = new Set();
  for (const [path, node] of paths(moment.tree)) {
    seen.add(path);
    showActor(path, node, now, body, news);
  }
  for (const [path, actor] of actors) if (!seen.has(path)) { actor.row.remove(); actors.delete(path); }
  if (moment.readiness) {
    const { ready, draining, checks } = moment.readiness;
    const standing = at("standing");
    standing.className = `badge ${ready ? "well" : "ill"}`;
    set(standing, ready ? "ready" : draining ? "draining" : "not ready");
    document.title = `${ready ? "" : "(!) "}Portico ${moment.node}`;
    const dependencies = checks.filter((check) => !check.name.startsWith("actor:")).map((check) => [check.name, check]);
    showAll(others.checks, at("checks"), dependencies, newCheck, showCheck);
  }
  for (const [kind, items] of [
    ["gauges", moment.numbers.filter((item) => !item.total)],
    ["totals", moment.numbers.filter((item) => item.total && item.value > 0)],
  ]) {
    const keyed = items.map((item) => [`${item.name} ${item.of}`, item]);
    showAll(others[kind], at(kind).tBodies[0], keyed, newNumber, (shown, item) => set(shown.value, number.format(item.value)));
  }
  moment.faults.forEach(showFault);
  if (news.length) set(at("news"), news.join(", "));
}

let source = null;

function listen() {
  source = new EventSource("/live");
  source.onopen = () => {
    set(at("connection"), "live");
    at("faults").replaceChildren(); // all that are kept are told again
    at("none").hidden = false;
  };
  source.onmessage = (event) => show(JSON.parse(event.data));
  source.onerror = () => {
    set(at("connection"), "connection lost; trying again");
    at("standing").className = "badge ill";
    set(at("standing"), "does not answer");
    if (source.readyState === EventSource.CLOSED) setTimeout(listen, 2000);
  };
}

at("pause").addEventListener("click", () => {
  const isPaused = at("pause").getAttribute("aria-pressed") === "true";
  at("pause").setAttribute("aria-pressed", String(!isPaused));
  if (isPaused) return listen();
  source.close();
  set(at("connection"), "paused");
});
listen();
