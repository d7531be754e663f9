// Writes the status board anew every minute; says so where the server does not answer.
const board = document.querySelector("[data-refresh]");
const seconds = Number(board.dataset.refresh);
async function renew() {
  try {
    const answer = await fetch(location.href, { cache: "no-store", signal: AbortSignal.timeout(20000) });
    if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    board.replaceChildren(...page.querySelector("[data-refresh]").childNodes);
    document.querySelector(".now").replaceChildren(...page.querySelector(".now").childNodes);
  } catch {
    const word = board.querySelector(".wall-word");
    word.className = "wall-word bad";
    word.textContent = board.dataset.lost;
  }
}
setInterval(renew, seconds * 1000);
