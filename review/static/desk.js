// The desk keeps itself up to date without losing anybody's place: only parts that changed are written anew,
// and none in which somebody is typing, reading a figure by keys or has the focus.
const EVERY = 15_000;
const desk = document.querySelector("#desk");
const bar = document.querySelector(".updating");
const button = bar.querySelector("button");
const status = bar.querySelector("[role=status]");
const words = JSON.parse(bar.dataset.words);
const clock = new Intl.DateTimeFormat(document.documentElement.lang, { hour: "2-digit", minute: "2-digit" });
let mark = desk.dataset.mark;
let paused = sessionStorage.getItem("desk-paused") === "yes";
let heard = new Date();
let asking = false;

function show() {
  button.textContent = paused ? words.resume : words.pause;
  button.setAttribute("aria-pressed", String(paused));
}

async function ask() {
  if (paused || asking || document.hidden) return;
  asking = true;
  try {
    const answer = await fetch(desk.dataset.fragment, { headers: { "If-None-Match": mark }, cache: "no-store" });
    if (answer.redirected || answer.status === 401) return location.reload();
    if (answer.status === 200) {
      const changed = write(await answer.text());
      mark = answer.headers.get("ETag") ?? mark;
      if (changed) status.textContent = `${words.updated} ${clock.format(new Date())}`;
    } else if (answer.status !== 304) {
      throw new Error(answer.statusText);
    }
    if (status.classList.contains("lost")) status.textContent = "";
    status.classList.remove("lost");
    heard = new Date();
  } catch {
    const said = `${words.stale} ${clock.format(heard)}`;
    if (status.textContent !== said) status.textContent = said;
    status.classList.add("lost");
  } finally {
    asking = false;
  }
}

const parts = (root) => [...root.querySelectorAll("[data-part]")].filter((one) => !one.querySelector("[data-part]"));
const source = new Map(parts(desk).map((part) => [part.dataset.part, part.outerHTML]));

function write(html) {
  const fresh = document.createElement("div");
  fresh.innerHTML = html;
  const came = parts(fresh);
  const names = came.map((part) => part.dataset.part).join();
  if (names !== parts(desk).map((part) => part.dataset.part).join()) {
    if (desk.contains(document.activeElement)) return false;
    desk.replaceChildren(...fresh.childNodes);
    came.forEach(wake);
    return true;
  }
  let changed = false;
  for (const part of came) {
    const name = part.dataset.part;
    const old = desk.querySelector(`[data-part="${CSS.escape(name)}"]`);
    if (source.get(name) === part.outerHTML || old.contains(document.activeElement)) continue;
    const open = new Map([...old.querySelectorAll("details[id]")].map((one) => [one.id, one.open]));
    wakeAfter(old, part, open);
    changed = true;
  }
  return changed;
}

function wakeAfter(old, part, open) {
  const across = [...old.querySelectorAll(".wide")].map((one) => one.scrollLeft);
  source.set(part.dataset.part, part.outerHTML);
  old.replaceWith(part);
  for (const one of part.querySelectorAll("details[id]")) if (open.has(one.id)) one.open = open.get(one.id);
  part.querySelectorAll(".wide").forEach((one, at) => (one.scrollLeft = across[at] ?? 0));
  part.dispatchEvent(new CustomEvent("sameair:replaced", { bubbles: true }));
}

function wake(part) {
  source.set(part.dataset.part, part.outerHTML);
  part.dispatchEvent(new CustomEvent("sameair:replaced", { bubbles: true }));
}

function fill(pattern, values) {
  return pattern.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

function count() {
  for (const one of document.querySelectorAll("[data-until]")) {
    const said = JSON.parse(one.dataset.words);
    const minutes = Math.floor((new Date(one.dataset.until) - Date.now()) / 60_000);
    const amount = Math.abs(minutes);
    const [hours, rest] = [Math.floor(amount / 60), amount % 60];
    const text =
      amount >= 2880 ? fill(said.days, { days: Math.floor(hours / 24), hours: hours % 24 })
      : hours ? fill(said.hours, { hours, minutes: rest })
      : fill(said.minutes, { minutes: rest });
    one.textContent = fill(minutes < 0 ? said.over : said.left, { time: text });
    one.closest(".decision")?.classList.toggle("over", minutes < 0);
  }
}

button.addEventListener("click", () => {
  paused = !paused;
  sessionStorage.setItem("desk-paused", paused ? "yes" : "no");
  status.textContent = paused ? words.paused : "";
  show();
  ask();
});
document.addEventListener("visibilitychange", ask);
bar.hidden = false;
show();
setInterval(ask, EVERY);
setInterval(count, 5_000);
