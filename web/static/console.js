// What the console adds to its pages where script runs: each page works without it.
"use strict";

(() => {
  const TOAST_MS = 10000;

  // Controls that need script are hidden until there is some.
  function reveal(root) {
    for (const control of root.querySelectorAll("[data-open][hidden], [data-script][hidden]")) {
      control.hidden = false;
    }
  }

  // Toasts go after ten seconds unless they tell of an error or hold the pointer or the focus.
  function age(toast) {
    if (toast.classList.contains("bad")) return;
    const leave = () => {
      if (toast.matches(":hover, :focus-within")) setTimeout(leave, 1000);
      else toast.remove();
    };
    setTimeout(leave, TOAST_MS);
  }

  document.addEventListener("DOMContentLoaded", () => {
    reveal(document);
    const toasts = document.getElementById("toasts");
    if (!toasts) return;
    new MutationObserver((changes) => {
      for (const change of changes) {
        for (const node of change.addedNodes) if (node.nodeType === 1) age(node);
      }
    }).observe(toasts, { childList: true });
    for (const toast of toasts.children) age(toast);
  });

  document.addEventListener("htmx:afterSettle", (event) => reveal(event.target));

  // A request that never got an answer has no page to show: say so.
  document.addEventListener("htmx:sendError", () => {
    const toast = document.createElement("div");
    toast.className = "toast bad";
    toast.setAttribute("role", "alert");
    toast.textContent = "The console did not answer. Nothing was changed; try again in a moment.";
    document.getElementById("toasts").replaceChildren(toast);
  });

  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-dismiss]")) event.target.closest(".toast").remove();
    const copy = event.target.closest("[data-copy]");
    if (copy && navigator.clipboard) navigator.clipboard.writeText(copy.dataset.copy);
  });

  // Forms that act on a choice (a select in a toolbar) say so; without script they have a button.
  document.addEventListener("change", (event) => {
    const form = event.target.closest("form[data-submit-on-change]");
    if (form && event.target.matches("select")) form.requestSubmit();
  });

  // The queue: how many rows are chosen stands in the bar that acts on them.
  function chosen() {
    const boxes = [...document.querySelectorAll("#queue tbody .check")];
    const count = boxes.filter((box) => box.checked).length;
    const all = document.querySelector("[data-check-all]");
    if (!all) return;
    document.querySelector("[data-chosen]").textContent = `${count} chosen`;
    all.checked = count > 0 && count === boxes.length;
    all.indeterminate = count > 0 && count < boxes.length;
  }
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-check-all]")) {
      for (const box of document.querySelectorAll("#queue tbody .check")) {
        box.checked = event.target.checked;
      }
    }
    if (event.target.matches("#queue .check")) chosen();
  });
  document.addEventListener("reset", () => setTimeout(chosen));
  addEventListener("pageshow", chosen); // browsers keep what was chosen when somebody comes back

  // The state of a live page: connected, or trying again.
  function live(word, kind) {
    for (const place of document.querySelectorAll("[data-live]")) {
      place.querySelector(".dot").className = `dot ${kind}`;
      place.querySelector("[data-live-word]").textContent = word;
    }
  }
  document.addEventListener("htmx:sseOpen", () => live("Live", "ok"));
  document.addEventListener("htmx:sseError", () => live("Reconnecting", "late"));
})();
