// What moves on the console's pages: times in the reader's zone, parts that refresh themselves, charts.
"use strict";

const format = new Intl.DateTimeFormat(undefined, {
  year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit",
});

function localTimes(root) {
  for (const time of root.querySelectorAll("time[data-when]")) {
    const at = new Date(time.dateTime);
    if (isNaN(at) || time.dataset.when === "local") continue;
    time.title = time.textContent;
    time.textContent = format.format(at);
    time.dataset.when = "local";
  }
}

// Parts with data-refresh="5" ask again after so many seconds, while somebody can see them.
const refreshing = new WeakSet();
function refreshParts(root) {
  for (const part of root.querySelectorAll("[data-refresh]")) {
    if (refreshing.has(part)) continue;
    refreshing.add(part);
    const timer = setInterval(() => {
      if (!part.isConnected) return clearInterval(timer);
      if (document.visibilityState !== "visible" || part.contains(document.activeElement)) return;
      htmx.trigger(part, "refresh");
    }, Number(part.dataset.refresh) * 1000);
  }
}

let refreshedAt = new Date();
function failed(words) {
  const banner = document.getElementById("not-refreshed");
  banner.textContent = `Not refreshed since ${format.format(refreshedAt)}: ${words}. What you see may be old; trying again.`;
  banner.hidden = false;
}
function worked() {
  refreshedAt = new Date();
  document.getElementById("not-refreshed").hidden = true;
}

const colours = ["--chart-1", "--chart-2", "--chart-3", "--chart-4", "--chart-5", "--chart-6"];
const drawn = new WeakMap();

// <div data-chart="id of a JSON script">: {"x": [unix seconds], "lines": [{"name": …, "values": […]}], "unit": "…", "stacked": false}
function drawCharts(root) {
  if (!window.uPlot) return;
  const styles = getComputedStyle(document.documentElement);
  const ink = styles.getPropertyValue("--dim").trim(), line = styles.getPropertyValue("--line").trim();
  for (const place of root.querySelectorAll("[data-chart]")) {
    const script = document.getElementById(place.dataset.chart);
    if (!script || drawn.get(place) === script) continue;
    drawn.set(place, script);
    const chart = JSON.parse(script.textContent);
    const numbers = (_, values) => values.map((value) => value === null ? "" : value.toLocaleString("en"));
    const axis = { stroke: ink, grid: { stroke: line, width: 1 }, ticks: { stroke: line } };
    const series = chart.lines.map((one, index) => ({
      label: one.name,
      stroke: styles.getPropertyValue(colours[index % colours.length]).trim(),
      width: 1.5,
      points: { show: true, size: 4 },  // a value between two gaps is a point and no line
      dash: index >= colours.length ? [6, 4] : undefined,
      value: (_, value) => (value === null || value === undefined ? "–" : `${value.toLocaleString("en")} ${chart.unit || ""}`),
    }));
    place.replaceChildren();
    const plot = new uPlot({
      width: Math.max(place.clientWidth, 240),
      height: 200,
      series: [{}, ...series],
      axes: [axis, { ...axis, size: 60, values: numbers }],
      scales: { y: { range: (_, low, high) => [Math.min(0, low || 0), high > 0 ? high * 1.05 : 1] } },
      cursor: { drag: { x: true, y: false } },
    }, [chart.x, ...chart.lines.map((one) => one.values)], place);
    new ResizeObserver(() => plot.setSize({ width: Math.max(place.clientWidth, 240), height: 200 })).observe(place);
  }
}

// What is wider or higher than its place is scrolled by keys once it has the focus.
function letScroll(root) {
  for (const part of root.querySelectorAll(".scroll, pre.json")) {
    if (part.scrollWidth > part.clientWidth || part.scrollHeight > part.clientHeight) part.tabIndex = 0;
  }
}

function prepare(root) {
  letScroll(root);
  localTimes(root);
  refreshParts(root);
  drawCharts(root);
  for (const button of root.querySelectorAll("[data-copy]")) {
    button.onclick = () => navigator.clipboard.writeText(new URL(button.dataset.copy, location.href).href)
      .then(() => { button.textContent = "Copied"; });
  }
  for (const select of root.querySelectorAll("select[data-own-zone]")) {
    const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
    if (zone && ![...select.options].some((one) => one.value === zone)) select.add(new Option(zone, zone));
  }
}

document.addEventListener("DOMContentLoaded", () => prepare(document));
document.addEventListener("htmx:afterSettle", (event) => prepare(event.target.parentElement || document));
document.addEventListener("htmx:afterOnLoad", (event) => { if (event.detail.successful !== false && event.detail.xhr.status < 400) worked(); });
document.addEventListener("htmx:sendError", () => failed("the console does not answer"));
document.addEventListener("htmx:timeout", () => failed("the console takes too long"));
document.addEventListener("htmx:responseError", (event) => failed(`the console answers ${event.detail.xhr.status}`));
