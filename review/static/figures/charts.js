// Charts over time: values where the pointer or the arrow keys are, zoom by drag, buttons and keys.
import uPlot from "../vendor/uplot/uPlot.esm.js";
import { buttons, keyboard, make, readout, sheet, shown, token, withAlpha } from "./parts.js";

const DASHES = [6, 4];
const LEAST_HOURS = 6;
const kept = new Map(); // figure id -> first and last second of a zoom, for a part of the page that is written anew

export async function show(figure, held, words) {
  await sheet("../vendor/uplot/uPlot.min.css");
  const plot = figure.querySelector(".plot");
  if (held.times.length < 2) return;
  // What was measured lies over what was forecast.
  held.lines.sort((a, b) => (a.role === "observed") - (b.role === "observed"));
  const title = figure.querySelector("figcaption").textContent.trim();
  const said = readout(figure, plot);
  const clock = times(held.zone);
  const view = { figure, held, words, plot, said, clock, chart: null, byKeys: false, title };
  draw(view);
  wire(view);
}

function draw(view) {
  const { figure, held, plot } = view;
  const before = kept.get(figure.id);
  view.chart?.destroy();
  plot.replaceChildren();
  plot.classList.add("alive");
  view.chart = new uPlot(options(view), columns(held), plot);
  if (before && before[0] < held.times.at(-1)) zoomTo(view, ...before);
}

function columns(held) {
  const bands = held.bands.flatMap((band) => [band.upper, band.lower]);
  return [held.times, ...bands, ...held.lines.map((line) => line.values)];
}

function options(view) {
  const { held, plot, clock } = view;
  const colour = (name) => token(plot, name);
  const role = (one) => colour(`--role-${one.role}`) || colour("--ink");
  const size = parseFloat(getComputedStyle(plot).fontSize) * 0.82;
  const font = `${size}px ${getComputedStyle(plot).fontFamily}`;
  const axis = { stroke: colour("--soft"), font, grid: { stroke: colour("--rule"), width: 1 }, ticks: { show: false } };
  return {
    ...room(plot),
    padding: [size, size * 1.8, 0, 0],
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), held.zone),
    legend: { show: false },
    scales: { x: { time: true }, y: { range: () => held.range } },
    cursor: { y: false, points: { size: 7 }, drag: { x: true, y: false } },
    axes: [
      { ...axis, size: size * 2.4, space: size * 5, values: (_, splits) => splits.map(clock.tick) },
      { ...axis, size: size * 3.6, space: size * 2.6, values: (_, splits) => splits.map(shown) },
    ],
    series: [
      {},
      ...held.bands.flatMap(() => [{ points: { show: false }, width: 0 }, { points: { show: false }, width: 0 }]),
      ...held.lines.map((line) => stroke(line, role(line))),
    ],
    bands: held.bands.map((band, at) => ({ series: [2 * at + 1, 2 * at + 2], fill: withAlpha(role(band), 0.17) })),
    hooks: { draw: [(u) => marks(u, view, font, colour)], setCursor: [(u) => read(u, view)], setScale: [(u) => keep(u, view)] },
  };
}

function stroke(line, colour) {
  const points = { show: line.kind === "points", size: 5, fill: colour, stroke: colour };
  const width = line.kind === "points" ? 0 : line.role === "previous" ? 1 : 2;
  const paths = line.kind === "steps" ? uPlot.paths.stepped({ align: -1 }) : undefined;
  const alpha = line.role === "previous" ? 0.65 : 1;
  return { stroke: colour, width, points, paths, alpha, dash: line.kind === "dashes" ? DASHES : undefined };
}

// Limits from edge to edge with their names, and a line for now.
function marks(u, view, font, colour) {
  const { ctx, bbox } = u;
  const ratio = devicePixelRatio;
  ctx.save();
  ctx.font = font.replace(/^([\d.]+)px/, (_, px) => `${px * ratio}px`);
  ctx.textBaseline = "alphabetic";
  ctx.lineWidth = ratio;
  let last = Infinity;
  let right = true;
  for (const limit of [...view.held.limits].sort((a, b) => a.value - b.value)) {
    if (limit.value > view.held.range[1]) continue;
    const y = u.valToPos(limit.value, "y", true);
    right = Math.abs(last - y) < 15 * ratio ? !right : true;
    last = y;
    // An official colour may be too pale for a line: it lies under the dots that every limit has.
    if (limit.role.startsWith("grade-")) {
      ctx.setLineDash([]);
      ctx.lineWidth = 2 * ratio;
      ctx.globalAlpha = 0.7;
      ctx.strokeStyle = colour(`--role-${limit.role}`);
      line(ctx, bbox.left, y, bbox.left + bbox.width, y);
      ctx.lineWidth = ratio;
      ctx.globalAlpha = 1;
    }
    ctx.strokeStyle = colour("--role-limit");
    ctx.setLineDash([2 * ratio, 3 * ratio]);
    line(ctx, bbox.left, y, bbox.left + bbox.width, y);
    const x = right ? bbox.left + bbox.width - 3 * ratio : bbox.left + 4 * ratio;
    name(ctx, limit.label, x, y - 4 * ratio, right ? "right" : "left", colour);
  }
  if (view.held.now !== null) {
    const x = u.valToPos(view.held.now, "x", true);
    if (x >= bbox.left && x <= bbox.left + bbox.width) {
      ctx.setLineDash([]);
      ctx.strokeStyle = colour("--ink");
      line(ctx, x, bbox.top, x, bbox.top + bbox.height);
      const near = x > bbox.left + bbox.width * 0.85;
      name(ctx, view.words.now, x + (near ? -4 : 4) * ratio, bbox.top + 12 * ratio, near ? "right" : "left", colour);
    }
  }
  ctx.restore();
}

function line(ctx, x1, y1, x2, y2) {
  ctx.beginPath();
  ctx.moveTo(x1, y1);
  ctx.lineTo(x2, y2);
  ctx.stroke();
}

function name(ctx, text, x, y, side, colour) {
  ctx.setLineDash([]);
  ctx.textAlign = side;
  ctx.lineJoin = "round";
  ctx.lineWidth = 3 * devicePixelRatio;
  ctx.strokeStyle = colour("--card");
  ctx.strokeText(text, x, y);
  ctx.fillStyle = colour("--soft");
  ctx.fillText(text, x, y);
  ctx.lineWidth = devicePixelRatio;
}

// Reads all series at one time; the voice speaks only for keys.
function read(u, view) {
  const at = u.cursor.idx;
  const { held, said, clock, byKeys } = view;
  if (at === null || at === undefined) return said.show();
  const when = clock.full(held.times[at]);
  const lines = held.lines.map((one) => [one, `${one.label} ${shown(one.values[at])}`]);
  const bands = held.bands.map((one) => [one, `${one.label} ${shown(one.lower[at])}–${shown(one.upper[at])}`]);
  const all = [...lines, ...bands].filter(([, text]) => !/ –(?:––)?$/.test(text));
  said.show(
    make("b", {}, when),
    ...all.map(([one, text]) => make("span", {}, make("i", { class: `chip role-${one.role}` }), text)),
    ...(all.length && held.unit ? [make("span", { class: "unit" }, held.unit)] : []),
  );
  if (byKeys) said.say(`${when}: ${all.map(([, text]) => text).join("; ")} ${held.unit}`);
}

function wire(view) {
  const { figure, plot, words, title } = view;
  const reset = () => zoomTo(view, view.held.times[0], view.held.times.at(-1));
  buttons(figure, [
    ["−", words.zoom_out, () => zoom(view, 2)],
    ["+", words.zoom_in, () => zoom(view, 0.5)],
    ["↔", words.reset, reset],
  ]);
  keyboard(plot, `${title}. ${words.keys}`, {
    ArrowLeft: (event) => step(view, event.shiftKey ? -6 : -1),
    ArrowRight: (event) => step(view, event.shiftKey ? 6 : 1),
    "+": () => zoom(view, 0.5),
    "=": () => zoom(view, 0.5),
    "-": () => zoom(view, 2),
    Home: reset,
    Escape: () => view.chart.setCursor({ left: -10, top: -10 }),
  });
  plot.addEventListener("pointermove", () => { view.byKeys = false; });
  const watched = new ResizeObserver(() => {
    if (!plot.isConnected) watched.disconnect();
    else if (room(plot).width !== view.chart.width) view.chart.setSize(room(plot));
  });
  watched.observe(plot);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => plot.isConnected && draw(view));
  document.fonts.ready.then(() => view.chart.redraw(false));
}

function room(plot) {
  const width = Math.max(plot.clientWidth, 200);
  return { width, height: Math.round(Math.min(Math.max(width * 0.42, 190), innerHeight * 0.6)) };
}

function keep(chart, { figure, held }) {
  const { min, max } = chart.scales.x;
  if (min <= held.times[0] && max >= held.times.at(-1)) kept.delete(figure.id);
  else kept.set(figure.id, [min, max]);
}

function zoomTo(view, min, max) {
  view.chart.setScale("x", { min, max });
}

// Nearer or farther around the hour that is read, else around the middle; never beyond the data.
function zoom(view, factor) {
  const { chart, held } = view;
  const { min, max } = chart.scales.x;
  const at = chart.cursor.idx;
  const middle = at === null || at === undefined ? (min + max) / 2 : held.times[at];
  const wide = Math.max((max - min) * factor, LEAST_HOURS * 3600);
  const first = Math.max(middle - wide * ((middle - min) / (max - min)), held.times[0]);
  zoomTo(view, first, Math.min(first + wide, held.times.at(-1)));
}

function step(view, by) {
  const { chart, held } = view;
  const last = held.times.length - 1;
  const start = held.now === null ? 0 : held.times.findIndex((t) => t >= held.now);
  const at = Math.min(Math.max((chart.cursor.idx ?? Math.max(start, 0) - by) + by, 0), last);
  const { min, max } = chart.scales.x;
  const wide = max - min;
  if (held.times[at] < min) zoomTo(view, held.times[at], held.times[at] + wide);
  if (held.times[at] > max) zoomTo(view, held.times[at] - wide, held.times[at]);
  view.byKeys = true;
  // uPlot commits a changed scale before the next frame; the cursor follows it.
  requestAnimationFrame(() => chart.setCursor({ left: chart.valToPos(held.times[at], "x"), top: 0 }));
}

function times(zone) {
  const language = document.documentElement.lang;
  const written = (form) => new Intl.DateTimeFormat(language, { timeZone: zone, ...form });
  const hour = written({ hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  const day = written({ month: "short", day: "numeric" });
  const full = written({
    weekday: "short", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZoneName: "short",
  });
  const at = (seconds) => new Date(seconds * 1000);
  const tick = (seconds) => (hour.format(at(seconds)) === "00:00" ? day : hour).format(at(seconds));
  return { tick, full: (seconds) => full.format(at(seconds)) };
}
