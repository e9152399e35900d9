"use strict";
document.documentElement.classList.add("js");

// Tables: a click on a column's head sorts the last body by it, a second click in reverse.
// Undefined values go last.
const order = new Intl.Collator(undefined, { numeric: true });
const keyOf = (row, column) => {
  const cell = row.cells[column];
  return cell.dataset.v === undefined ? cell.textContent.trim() : cell.dataset.v;
};
const compare = (a, b, numeric) => (numeric ? Number(a) - Number(b) : order.compare(a, b));
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    if (head.dataset.fixed !== undefined) return;
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    head.setAttribute("aria-sort", "none");
    button.addEventListener("click", () => {
      const sign = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
      const body = table.tBodies[table.tBodies.length - 1];
      const numeric = head.classList.contains("number");
      const keyed = [...body.rows].map((row) => [keyOf(row, column), row]);
      keyed.sort(([a], [b]) => (a === "") - (b === "") || sign * compare(a, b, numeric));
      body.append(...keyed.map(([, row]) => row));
      for (const other of heads) {
        if (other.hasAttribute("aria-sort")) other.setAttribute("aria-sort", "none");
      }
      head.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
    });
  });
}

// Confusion matrix: a cell shows its images. Without this script, the links do that by themselves.
const show = (id) => {
  const cell = document.getElementById(id);
  if (!cell || !cell.classList.contains("cell")) return false;
  for (const other of document.querySelectorAll(".cell.shown")) other.classList.remove("shown");
  cell.classList.add("shown");
  for (const link of document.querySelectorAll(".matrix a")) {
    if (link.hash === `#${id}`) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
  return true;
};
const panel = document.querySelector(".cells");
if (panel) {
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='#cell-']");
    if (!link || !show(link.hash.slice(1))) return;
    event.preventDefault();
    panel.scrollIntoView({ block: "nearest", behavior: "smooth" });
  });
  // Arrow keys go to the next cell with images in that direction.
  const steps = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
  const matrix = document.querySelector(".matrix table");
  matrix.addEventListener("keydown", (event) => {
    const cell = event.target.closest("td");
    const step = steps[event.key];
    if (!cell || !step) return;
    const rows = matrix.tBodies[0].rows;
    let [row, column] = [cell.parentElement.sectionRowIndex, cell.cellIndex];
    let link = null;
    while (!link) {
      row += step[0];
      column += step[1];
      const next = rows[row] && rows[row].cells[column];
      if (!next) return;
      link = next.querySelector("a");
    }
    event.preventDefault();
    link.focus();
  });
  if (!show(location.hash.slice(1))) show(panel.dataset.first);
}

// A slider sets the property that it names on its section.
document.addEventListener("input", (event) => {
  const { sets } = event.target.dataset;
  if (sets) event.target.closest("section").style.setProperty(sets, event.target.value);
});
