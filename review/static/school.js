// Steps through the hours of a lesson by key, and without leaving the place on the page: a step is a link that
// works without this script.
import { enliven } from "./start.js";

const clock = () => document.getElementById("clock");

// The keys are named only where they work: once this script listens.
function nameKeys() {
  const steps = clock() ? clock().querySelector(".steps[data-hint]") : null;
  if (!steps || steps.querySelector(".keys")) return;
  const hint = document.createElement("span");
  hint.className = "keys";
  hint.textContent = steps.dataset.hint;
  steps.append(hint);
}

async function step(address) {
  const answer = await fetch(address, { credentials: "same-origin" });
  if (!answer.ok || answer.redirected) return location.assign(address);
  const written = new DOMParser().parseFromString(await answer.text(), "text/html");
  const main = document.getElementById("main");
  const held = document.activeElement && document.activeElement.dataset ? document.activeElement.dataset.key : "";
  main.replaceChildren(...written.getElementById("main").childNodes);
  history.replaceState(null, "", address);
  nameKeys();
  await enliven(main);
  const again = held && clock() ? clock().querySelector(`[data-key="${held}"]`) : null;
  const field = main.querySelector(".asks input");
  if (again) again.focus();
  else if (field) field.focus();
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("#clock a.step");
  if (!link || event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
  event.preventDefault();
  step(link.href);
});

document.addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey || event.target.closest("input, figure, [tabindex='0'], summary")) return;
  const link = clock() ? clock().querySelector(`a[data-key="${event.key}"]`) : null;
  if (!link) return;
  event.preventDefault();
  step(link.href);
});

nameKeys();
