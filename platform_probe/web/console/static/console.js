// Keys, copying, parts that come later, and the live list. Without it every page works, but for these.
"use strict";

const said = document.querySelector("#said");
const say = (text) => { said.textContent = ""; setTimeout(() => { said.textContent = text; }, 50); };

// Copying

for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    await copied(button.dataset.copy);
    say(document.body.dataset.copied);
    const before = button.textContent;
    button.textContent = "✓";
    setTimeout(() => { button.textContent = before; }, 1200);
  });
}

async function copied(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const field = document.createElement("textarea");  // plain http from elsewhere has no clipboard
  field.value = text;
  field.className = "unseen";
  document.body.append(field);
  field.select();
  document.execCommand("copy");
  field.remove();
}

// Parts that take longer than a page

for (const place of document.querySelectorAll("[data-part]")) {
  fetch(place.dataset.part).then(async (answer) => {
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    place.replaceChildren(...page.body.childNodes);
  }).catch(() => {});
}

// Keys

const help = document.querySelector("#help");
const off = document.querySelector("#keys-off");
const opener = document.querySelector("#keys");
const kept = (value) => {
  try {
    if (value !== undefined) localStorage.setItem("keys", value);
    return localStorage.getItem("keys");
  } catch { return null; }
};
off.checked = kept() === "off";
off.addEventListener("change", () => kept(off.checked ? "off" : "on"));
opener.hidden = false;
opener.addEventListener("click", () => help.showModal());

addEventListener("keydown", (event) => {
  const isTyping = event.target.closest?.("input, textarea, select, [contenteditable]");
  if (event.key === "Escape" && event.target.id === "q") event.target.blur();
  if (isTyping || event.ctrlKey || event.metaKey || event.altKey || off.checked || help.open) return;
  const step = { j: 1, k: -1 }[event.key];
  const rel = { n: "next", p: "prev" }[event.key];
  if (event.key === "/") {
    const box = document.querySelector("#q");
    box.focus();
    box.select();
  } else if (event.key === "?") help.showModal();
  else if (step) move(step);
  else if (rel) document.querySelector(`main a[rel="${rel}"]`)?.click();
  else return;
  event.preventDefault();
});

function move(step) {
  const rows = [...document.querySelectorAll("a[data-row]")].filter((row) => row.offsetParent);
  const at = rows.indexOf(document.activeElement);
  const next = at < 0 ? (step > 0 ? 0 : rows.length - 1) : Math.min(Math.max(at + step, 0), rows.length - 1);
  rows[next]?.focus();
}

// The live list

const live = document.querySelector("#live");
if (live) watch(live);

function watch(panel) {
  const rows = panel.querySelector("#live-rows");
  const state = panel.querySelector("#live-state");
  const pause = panel.querySelector("#pause");
  const empty = panel.querySelector(".empty");
  const waiting = [];
  const known = new Set([...rows.querySelectorAll("a[data-row]")].map((row) => row.getAttribute("href")));
  const address = (one) => `/unlock/${encodeURIComponent(one.attempt_id)}`;
  let isPaused = false;
  pause.hidden = false;
  const tell = () => {
    if (!isPaused) state.textContent = panel.dataset.running;
    else state.textContent = waiting.length
      ? panel.dataset.more.replace("{count}", waiting.length) : panel.dataset.paused;
  };
  pause.addEventListener("click", () => {
    isPaused = !isPaused;
    pause.setAttribute("aria-pressed", isPaused);
    if (!isPaused) for (const one of waiting.splice(0)) show(one);
    tell();
  });
  const source = new EventSource(panel.dataset.live);
  source.addEventListener("open", tell);
  source.addEventListener("error", () => { state.textContent = panel.dataset.lost; });
  source.addEventListener("failure", (event) => {
    const one = JSON.parse(event.data);
    if (known.has(address(one))) return;
    known.add(address(one));
    if (isPaused) { waiting.push(one); waiting.splice(0, waiting.length - 50); tell(); } else show(one);
  });

  function show(one) {
    const row = document.createElement("tr");
    row.className = "new";
    const cells = [link(address(one), one.at), mark(one.ended, one.outcome),
      link(`/cause/${encodeURIComponent(one.cause)}`, one.cause_said), link(`/car/${encodeURIComponent(one.vehicle_id)}`, one.vehicle_id),
      [one.region, one.operator].filter(Boolean).join(", "), one.firmware ?? ""];
    cells[0].dataset.row = "";
    for (const content of cells) {
      const cell = document.createElement("td");
      cell.append(content);
      row.append(cell);
    }
    rows.prepend(row);
    while (rows.children.length > 50) rows.lastChild.remove();
    if (empty) empty.hidden = true;
  }
}

function link(url, text) {
  const made = document.createElement("a");
  made.href = url;
  made.textContent = text;
  return made;
}

function mark(text, outcome) {
  const made = document.createElement("span");
  made.className = `mark ${outcome}`;
  made.textContent = `${{ unknown: "?", failed: "✕", refused: "⊘" }[outcome] ?? ""} ${text}`;
  return made;
}
