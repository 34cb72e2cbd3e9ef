
"use strict";
/* A filter and sorting for the table; without this the page is as readable. */
(() => {
  const table = document.getElementById("rows"), tools = document.getElementById("tools");
  if (!table || !tools) return;
  const body = table.tBodies[0], lines = Array.from(body.rows);
  const texts = lines.map((line) => line.textContent.toLowerCase());

  const label = document.createElement("label"), input = document.createElement("input");
  const told = document.createElement("output");
  label.append("Filter the rows ", input);
  input.type = "search";
  input.placeholder = "name, Region, state, error";
  tools.append(label, told);
  let waiting;
  input.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      const wanted = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      let fit = 0;
      lines.forEach((line, at) => {
        const fits = wanted.every((word) => texts[at].includes(word));
        line.hidden = !fits;
        if (fits) fit += 1;
      });
      told.textContent = wanted.length ? `${fit.toLocaleString("en")} of ${lines.length.toLocaleString("en")}` : "";
    }, 120);
  });

  const key = (line, column) => {
    const cell = line.cells[column], time = cell.querySelector("time");
    return time ? Date.parse(time.dateTime) : cell.textContent.trim();
  };
  const compare = new Intl.Collator("en", { numeric: true }).compare;
  const heads = Array.from(table.tHead.rows[0].cells);
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const keyed = lines.map((line) => [key(line, column), line]);
      keyed.sort(([a], [b]) => {
        /* What has no value stands last, whichever way. */
        if (a === "" || b === "") return (a === "") - (b === "");
        const order = typeof a === "number" ? a - b : compare(a, b);
        return down ? -order : order;
      });
      body.append(...keyed.map(([, line]) => line));
    });
  });
})();
