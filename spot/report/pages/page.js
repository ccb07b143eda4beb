"use strict";
// Without this script every value still has its title, and every table its order.

// A picture is one stop of the Tab key; arrow keys move among its values, which are said below it.
for (const figure of document.querySelectorAll("figure")) {
  const marks = [...figure.querySelectorAll(".mark")];
  const output = figure.querySelector("output");
  if (!marks.length) {
    output.textContent = "";
    continue;
  }
  const place = (mark) => [Number(mark.dataset.row), Number(mark.dataset.column)];
  const show = (mark) => {
    output.textContent = mark.querySelector("title").textContent;
    output.classList.add("on");
  };
  const nearest = (from, fits) => {
    const [row, column] = place(from);
    const far = (mark) => {
      const [r, c] = place(mark);
      return fits === "row" ? Math.abs(c - column) : Math.abs(r - row) * 1e6 + Math.abs(c - column);
    };
    return (list) => list.reduce((best, mark) => (best === null || far(mark) < far(best) ? mark : best), null);
  };
  const next = (mark, key) => {
    const [row, column] = place(mark);
    const where = {
      ArrowRight: [(r, c) => r === row && c > column, "row"],
      ArrowLeft: [(r, c) => r === row && c < column, "row"],
      ArrowDown: [(r) => r > row, "column"],
      ArrowUp: [(r) => r < row, "column"],
    }[key];
    if (key === "Home") return marks[0];
    if (key === "End") return marks[marks.length - 1];
    return where && nearest(mark, where[1])(marks.filter((other) => where[0](...place(other))));
  };
  for (const mark of marks) {
    mark.addEventListener("pointerenter", () => show(mark));
    mark.addEventListener("focus", () => {
      for (const other of marks) other.setAttribute("tabindex", other === mark ? "0" : "-1");
      show(mark);
    });
    mark.addEventListener("keydown", (event) => {
      const target = next(mark, event.key);
      if (target === undefined) return;
      event.preventDefault();
      if (target) target.focus();
    });
  }
}

// Headers sort their table: first upwards, then downwards.
const key = (row, column) => {
  const cell = row.cells[column];
  const data = cell.querySelector("data");
  return data ? Number(data.value) : cell.textContent.trim();
};
const order = (a, b) => {
  if (typeof a === typeof b) return typeof a === "number" ? a - b : a.localeCompare(b);
  return typeof a === "number" ? -1 : 1;
};
for (const header of document.querySelectorAll("thead th")) {
  const body = header.closest("table").tBodies[0];
  if (body.rows.length < 2) continue;
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = header.textContent;
  header.replaceChildren(button);
  button.addEventListener("click", () => {
    const up = header.getAttribute("aria-sort") !== "ascending";
    for (const other of header.parentElement.cells) other.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", up ? "ascending" : "descending");
    const rows = [...body.rows].map((row) => [key(row, header.cellIndex), row]);
    rows.sort(([a], [b]) => (up ? order(a, b) : order(b, a)));
    body.append(...rows.map(([, row]) => row));
  });
}
