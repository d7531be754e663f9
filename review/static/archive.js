// Left and right arrows step through the past; a chart, map or field that has the focus keeps its keys.
const ways = { ArrowLeft: "prev", ArrowRight: "next" };
document.addEventListener("keydown", (event) => {
  const rel = ways[event.key];
  if (!rel || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey || event.defaultPrevented) return;
  if (event.target.closest("figure, input, select, textarea, .wide")) return;
  const way = document.querySelector(`.ways a[rel="${rel}"]`);
  if (way) window.location.assign(way.href);
});
