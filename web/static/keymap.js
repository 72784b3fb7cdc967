// The key map: every key of the console in one table. Keys rest while an input has the focus.
"use strict";

(() => {
  const AFTER_G_MS = 1200;
  let waitingForLetter = 0;

  const palette = () => document.getElementById("palette");
  const isTyping = (target) =>
    target.closest && target.closest("input, textarea, select, [contenteditable]") !== null;
  const singleKeys = () => document.body.dataset.singleKeys !== "off";

  // Rows that j and k move over, in the order of the page: what lists say are theirs, else the
  // links of a table's name column.
  const ROWS =
    "[data-rows] a[data-row], [data-rows] tr[tabindex], table:not([data-rows]) td.name a";
  const rows = () =>
    [...document.querySelectorAll(`main :is(${ROWS})`)].filter((row) => row.offsetParent !== null);

  // From a control within a row, the row counts; without a focus, what is shown as chosen.
  function move(step) {
    const all = rows();
    if (!all.length) return;
    const focused = document.activeElement.closest("tr, li");
    let at = all.findIndex((row) => row === document.activeElement);
    if (at < 0 && focused) at = all.findIndex((row) => focused.contains(row));
    if (at < 0) at = all.findIndex((row) => row.closest('[aria-selected="true"]'));
    const next = at < 0 ? (step > 0 ? 0 : all.length - 1) : at + step;
    const row = all[Math.max(0, Math.min(all.length - 1, next))];
    row.focus();
    row.scrollIntoView({ block: "nearest" });
  }

  // Back out of a page to the list it was opened from, with its filters where we came from there.
  function back(link) {
    const from = document.referrer ? new URL(document.referrer) : null;
    const there = new URL(link.href);
    if (from && from.origin === there.origin && from.pathname === there.pathname) history.back();
    else link.click();
  }

  function go(letter) {
    const link = document.querySelector(`.nav a[data-key="${CSS.escape(letter)}"]`);
    if (link) link.click();
  }

  const box = () => {
    const row = document.activeElement.closest("tr");
    return row && row.querySelector("input[type=checkbox]");
  };

  // What acts on chosen rows acts on the one with the focus if none is chosen.
  function choose() {
    const queue = document.getElementById("queue");
    const focused = box();
    if (queue && focused && !queue.querySelector("tbody :checked")) focused.click();
  }

  // A page binds a key by data-hotkey on the button or link that does it.
  function press(key) {
    if (key === "a" || key === "d" || key === "e") choose();
    const control = [...document.querySelectorAll("[data-hotkey]")].find(
      (found) => found.dataset.hotkey === key && !found.disabled && found.offsetParent !== null,
    );
    if (!control) return false;
    if (control.matches("input, textarea, select")) control.focus();
    else control.click();
    return true;
  }

  function openDialog(id) {
    const dialog = document.getElementById(id);
    if (!dialog || dialog.open) return;
    dialog.showModal();
    if (id === "palette") {
      const input = document.getElementById("palette-input");
      input.value = "";
      filter("");
      input.focus();
    }
  }

  const keys = {
    j: () => move(1),
    k: () => move(-1),
    x: () => { const found = box(); if (found) found.click(); },
    g: () => { waitingForLetter = Date.now(); },
    "/": () => {
      const query = document.querySelector("[data-query]");
      if (query) { query.focus(); query.select(); } else location.assign("/search");
    },
    "?": () => openDialog("keys"),
    y: () => { navigator.clipboard && navigator.clipboard.writeText(location.href); },
    z: () => { const undo = document.querySelector(".toasts [data-undo]"); if (undo) undo.click(); },
  };

  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
      event.preventDefault();
      openDialog("palette");
      return;
    }
    if (event.key === "Escape" && !document.querySelector("dialog[open]")) {
      const link = document.querySelector("a[data-back]");
      if (isTyping(event.target)) event.target.blur();
      else if (!press("Escape") && link) back(link);
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    if (document.querySelector("dialog[open]") || !singleKeys()) return;
    if (Date.now() - waitingForLetter < AFTER_G_MS) {
      waitingForLetter = 0;
      event.preventDefault();
      go(event.key);
    } else if (press(event.key) || (keys[event.key] && (keys[event.key](), true))) {
      event.preventDefault();
    }
  });

  // The palette: filter by what is typed, move by arrows, go by Enter or click.
  const options = () => [...palette().querySelectorAll("[role=option]")];
  const shown = () => options().filter((option) => !option.hidden);

  function select(option) {
    for (const other of options()) other.setAttribute("aria-selected", String(other === option));
    if (option) {
      option.id ||= `palette-option-${options().indexOf(option)}`;
      document.getElementById("palette-input").setAttribute("aria-activedescendant", option.id);
      option.scrollIntoView({ block: "nearest" });
    }
  }

  function filter(text) {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    for (const option of options()) {
      const name = option.textContent.toLowerCase();
      option.hidden = !words.every((word) => name.includes(word));
    }
    for (const group of palette().querySelectorAll("ul")) {
      group.hidden = !group.querySelector("[role=option]:not([hidden])");
    }
    select(shown()[0]);
  }

  const follow = (option) => { if (option) location.assign(option.dataset.href); };

  document.addEventListener("input", (event) => {
    if (event.target.id === "palette-input") filter(event.target.value);
  });
  document.addEventListener("keydown", (event) => {
    if (event.target.id !== "palette-input") return;
    const all = shown();
    const at = all.findIndex((option) => option.getAttribute("aria-selected") === "true");
    if (event.key === "ArrowDown") select(all[Math.min(at + 1, all.length - 1)]);
    else if (event.key === "ArrowUp") select(all[Math.max(at - 1, 0)]);
    else if (event.key === "Enter") follow(all[at]);
    else return;
    event.preventDefault();
  });
  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-open]");
    if (opener) { event.preventDefault(); openDialog(opener.dataset.open); return; }
    if (event.target.closest("[data-close]") || event.target.matches("dialog")) {
      event.target.closest("dialog").close();
      return;
    }
    const option = event.target.closest(".palette [role=option]");
    if (option) follow(option);
  });
})();
