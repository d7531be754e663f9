// Wakes what a page holds: each kind of figure brings its own script. A page without scripts shows pictures and tables.
const SCRIPTS = {
  time: "./figures/charts.js",
  map: "./figures/map.js",
  xy: "./figures/marks.js",
  bars: "./figures/marks.js",
  dots: "./figures/marks.js",
};

export async function enliven(root) {
  for (const figure of root.querySelectorAll("[data-figure]:not([data-alive])")) {
    figure.dataset.alive = "";
    const held = JSON.parse(figure.querySelector("script.document").textContent);
    const { show } = await import(SCRIPTS[figure.dataset.figure]);
    await show(figure, held.figure, held.words);
  }
}

// A part of a page that was written anew says so, and its figures keep their zoom under their id.
document.addEventListener("sameair:replaced", (event) => enliven(event.target));
enliven(document);
