// Says on an open page that a warning changed elsewhere, so that nobody decides about what is over.
const EVERY = 10000;
const panel = document.querySelector("[data-watch]");

async function look() {
  if (document.hidden) return;
  try {
    const answer = await fetch(panel.dataset.watch, { headers: { accept: "application/json" } });
    if (!answer.ok) return;
    const { standing } = await answer.json();
    if (standing !== panel.dataset.standing) {
      panel.querySelector("#changed-now").hidden = false;
      clearInterval(timer);
    }
  } catch {
    // The network is gone; the next look tells.
  }
}

const timer = panel ? setInterval(look, EVERY) : 0;
if (panel) document.addEventListener("visibilitychange", look);
