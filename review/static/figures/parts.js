// What every figure has: buttons, a line that reads values, and a voice that speaks only when keys ask.
export const token = (element, name) => getComputedStyle(element).getPropertyValue(name).trim();
export const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

export function shown(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  return Math.abs(value) >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3)));
}

export function make(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

export function withAlpha(hex, alpha) {
  const [r, g, b] = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
  return `rgba(${r}, ${g}, ${b}, ${alpha})`;
}

// A style sheet of a carried library, loaded once, before the page's own so that these come first.
const sheets = new Map();
export function sheet(path) {
  if (!sheets.has(path)) {
    const link = make("link", { rel: "stylesheet", href: new URL(path, import.meta.url).pathname });
    sheets.set(path, new Promise((done) => link.addEventListener("load", done)));
    document.head.prepend(link);
  }
  return sheets.get(path);
}

export function readout(figure, plot) {
  const line = make("p", { class: "readout", "aria-hidden": "true" });
  const voice = make("p", { class: "unseen", role: "status" });
  plot.after(line, voice);
  let waiting = 0;
  return {
    show: (...parts) => line.replaceChildren(...parts),
    say: (text) => {
      clearTimeout(waiting);
      waiting = setTimeout(() => { voice.textContent = text; }, 250);
    },
  };
}

export function buttons(figure, entries) {
  const bar = make("div", { class: "figure-buttons" });
  for (const [sign, label, act] of entries) {
    const button = make("button", { type: "button", class: "quiet", title: label, "aria-label": label }, sign);
    button.addEventListener("click", act);
    bar.append(button);
  }
  figure.querySelector("figcaption").after(bar);
  return bar;
}

// The plot takes keys only while it is focused; it says which, and what it shows.
export function keyboard(plot, label, keys) {
  plot.tabIndex = 0;
  plot.setAttribute("role", "application");
  plot.setAttribute("aria-label", label);
  plot.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const act = keys[event.key];
    if (!act) return;
    event.preventDefault();
    event.stopPropagation();
    act(event);
  });
}
