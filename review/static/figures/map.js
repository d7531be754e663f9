// Maps: land from our own file, no tiles. Places are read by pointer or by N and P.
import "../vendor/leaflet/leaflet.js";
import { buttons, calm, keyboard, make, readout, sheet, shown } from "./parts.js";

const L = window.L;
const HOURS = [24, 48, 72];
const kept = new Map();
let land;

export async function show(figure, held, words) {
  await sheet("../vendor/leaflet/leaflet.css");
  land ??= fetch("/map/land.json").then((answer) => answer.json());
  const drawn = await land;
  const plot = figure.querySelector(".plot");
  const title = figure.querySelector("figcaption").textContent.trim();
  const said = readout(figure, plot);
  plot.replaceChildren();
  plot.classList.add("alive");
  const still = calm();
  const map = L.map(plot, {
    attributionControl: false, zoomControl: false, scrollWheelZoom: false, zoomSnap: 0.25, zoomDelta: 0.5,
    minZoom: 3, maxZoom: 11, keyboard: true, zoomAnimation: !still, fadeAnimation: !still, inertia: !still,
  });
  L.geoJSON(drawn, { interactive: false, className: "land" }).addTo(map);
  const home = () => map.fitBounds(held.extent, { animate: false });
  home();
  if (kept.has(figure.id)) map.setView(...kept.get(figure.id), { animate: false });
  L.control.scale({ imperial: false }).addTo(map);
  const places = fill(map, held, said);
  map.on("moveend", () => kept.set(figure.id, [map.getCenter(), map.getZoom()]));
  buttons(figure, [
    ["−", words.zoom_out, () => map.zoomOut()],
    ["+", words.zoom_in, () => map.zoomIn()],
    ["↔", words.reset, home],
  ]);
  let at = -1;
  let open;
  const go = (by) => {
    if (!places.length) return;
    at = (at + by + places.length) % places.length;
    const { layer, text } = places[at];
    open?.closeTooltip();
    open = layer.openTooltip();
    map.panInside(layer.getLatLng(), { padding: [60, 60], animate: !still });
    said.show(text);
    said.say(text);
  };
  const move = (x, y) => () => map.panBy([x * 80, y * 80], { animate: !still });
  keyboard(plot, `${title}. ${words.keys_map}`, {
    n: () => go(1), N: () => go(1), p: () => go(at < 0 ? 0 : -1), P: () => go(at < 0 ? 0 : -1), Home: home,
    "+": () => map.zoomIn(), "=": () => map.zoomIn(), "-": () => map.zoomOut(),
    ArrowLeft: move(-1, 0), ArrowRight: move(1, 0), ArrowUp: move(0, -1), ArrowDown: move(0, 1),
  });
  map.keyboard.disable();
  const watched = new ResizeObserver(() => {
    if (plot.isConnected) map.invalidateSize({ animate: false });
    else watched.disconnect();
  });
  watched.observe(plot);
}

function fill(map, held, said) {
  const places = [];
  const tell = (layer, text) => {
    layer.bindTooltip(make("span", {}, text), { direction: "top", className: "tip" });
    layer.on("mouseover", () => said.show(text));
    return layer.addTo(map);
  };
  for (const one of held.outlines) {
    tell(L.polygon(one.line, { className: `outline role-${one.role}` }), one.label);
  }
  for (const path of held.paths) {
    tell(L.polyline(path.line, { className: `line role-${path.role}` }), path.label);
    path.hours.forEach((hour, at) => {
      const role = HOURS.includes(Math.abs(hour)) && `hour-${Math.abs(hour)}`;
      if (role) tell(L.circleMarker(path.line[at], { radius: 3, className: `dot role-${role}` }), `${path.label} · ${hour} h`);
    });
  }
  for (const wind of held.arrows) tell(L.marker(wind.at, { icon: arrow(wind), keyboard: false }), wind.label);
  for (const point of held.points) {
    const text = `${point.label}: ${shown(point.value)} ${point.value === null ? "" : held.unit}`.trim();
    const layer = tell(L.circleMarker(point.at, { radius: 6, className: `place role-${point.role}` }), text);
    places.push({ layer, text });
  }
  return places;
}

// An arrow into which the wind blows, longer for a stronger wind.
function arrow(wind) {
  const speed = Math.hypot(wind.u, wind.v);
  const long = Math.min(4 + speed * 1.6, 20);
  const turn = (Math.atan2(wind.u, wind.v) * 180) / Math.PI;
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "-22 -22 44 44");
  svg.innerHTML = `<path transform="rotate(${turn.toFixed(1)})" d="M0 ${long}V${-long}M-4 ${6 - long}L0 ${-long}L4 ${6 - long}"/>`;
  return L.divIcon({ html: svg, className: "wind", iconSize: [44, 44] });
}
