// The live tail: keeps its newest rows only, and holds still while it is paused.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const MOST_ROWS = 500;
  const rows = document.getElementById("rows");
  const button = document.getElementById("pause");
  if (!rows || !button) return;
  let left = 0;
  const isPaused = () => button.getAttribute("aria-pressed") === "true";

  document.addEventListener("htmx:sseBeforeMessage", (event) => {
    if (event.target !== rows || !isPaused()) return;
    left += (event.detail.data.match(/<tr>/g) || []).length;
    document.getElementById("paused").textContent = `${left} came while paused`;
    event.preventDefault();
  });
  button.addEventListener("click", () => {
    const pausing = !isPaused();
    button.setAttribute("aria-pressed", String(pausing));
    button.querySelector("span").textContent = pausing ? "Go on" : "Pause";
    left = 0;
    document.getElementById("paused").textContent = "";
  });
  new MutationObserver(() => {
    while (rows.rows.length > MOST_ROWS) rows.rows[rows.rows.length - 1].remove();
  }).observe(rows, { childList: true });
});
