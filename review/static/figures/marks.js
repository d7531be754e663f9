// Charts that are a picture with marks: the mark under the pointer or chosen by arrow keys is read out.
import { keyboard, readout } from "./parts.js";

export async function show(figure, _held, words) {
  const plot = figure.querySelector(".plot");
  const all = [...plot.querySelectorAll("[data-say]")];
  if (!all.length) return;
  const said = readout(figure, plot);
  let at = -1;
  const choose = (mark) => {
    all[at]?.classList.remove("chosen");
    at = all.indexOf(mark);
    mark.classList.add("chosen");
    said.show(mark.dataset.say);
  };
  const step = (by) => {
    choose(all[Math.min(Math.max(at + by, 0), all.length - 1)]);
    said.say(all[at].dataset.say);
  };
  plot.addEventListener("pointerover", (event) => {
    const mark = event.target.closest("[data-say]");
    if (mark) choose(mark);
  });
  const title = figure.querySelector("figcaption").textContent.trim();
  keyboard(plot, `${title}. ${words.keys_marks}`, {
    ArrowLeft: () => step(-1),
    ArrowRight: () => step(1),
    Home: () => step(-all.length),
    End: () => step(all.length),
  });
}
